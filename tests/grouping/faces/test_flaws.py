"""What makes a face too poor is named by what is wrong with it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from grouping import extract_faces
from grouping.faces.flaws import POOR_QUALITY, flaws_of
from grouping.records import QUALITY_MEASURES, RECOGNITION_SIGNS, FaceSet
from tests.helpers.paths import PHOTOS
from tests.helpers.results.album import face_set

GOOD = {"size": 100, "sharpness": 400, "yaw": 0, "pitch": 0, "roll": 0}
GOOD |= {"alignment_error": 0.05, "visible": 1}


def face(quality=0.1, score=1.0, recognisable=1.0, **measures) -> FaceSet:
    faces = face_set(np.eye(1, 4, dtype=np.float32))
    values = [(GOOD | measures)[name] for name in QUALITY_MEASURES]
    faces.signs[:, RECOGNITION_SIGNS.index("recognisable")] = recognisable
    return replace(
        faces,
        scores=np.array([score], np.float32),
        quality=np.array([quality], np.float32),
        measures=np.array([values], np.float32),
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"sharpness": 3}, "blurred (sharpness 3)"),
        ({"size": 9}, "tiny (9 px)"),
        ({"yaw": 70, "pitch": -20}, "turned away (yaw 70, pitch -20 degrees)"),
        ({"visible": 0.5}, "cut by the edge of the photo (50 % of it visible)"),
        ({"alignment_error": np.inf}, "eyes, nose and mouth not found where they should be"),
        ({"recognisable": 0.05}, "nothing that the network recognises (a blur, a mask or no face)"),
        ({"score": 0.55}, "hardly a face (detector score 0.55)"),
    ],
)
def test_the_fault_is_named(fault, words):
    assert flaws_of(face(**fault)) == [(words,)]


def test_several_faults_come_worst_first():
    (flaws,) = flaws_of(face(sharpness=20, size=5))
    assert [flaw.split()[0] for flaw in flaws] == ["tiny", "blurred"]


def test_a_good_face_has_none_whatever_its_measures():
    assert flaws_of(face(quality=POOR_QUALITY, sharpness=3)) == [()]
    assert flaws_of(FaceSet.empty()) == []


def test_small_faults_that_add_up_name_the_worst():
    (flaws,) = flaws_of(face(sharpness=40, size=30, visible=0.65))
    assert flaws == ("blurred (sharpness 40)",)


def test_real_photos():
    with Image.open(PHOTOS / "president_obama_2.jpg") as image:
        (sharp,) = extract_faces(image)
        (blurred,) = extract_faces(image.filter(ImageFilter.GaussianBlur(10)))
        x1, _, x2, _ = sharp.box
        middle = round(x1 + 0.42 * (x2 - x1))
        cut = extract_faces(image.crop((middle, 0, image.width, image.height)))
    assert sharp.flaws == ()
    assert blurred.flaws[0].startswith("blurred")
    for half in cut:  # half a face is found or not; if it is, it is known to be one
        assert any("cut by the edge" in flaw or "not found" in flaw for flaw in half.flaws)
