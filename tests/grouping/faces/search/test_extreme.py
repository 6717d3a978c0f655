"""Faces as large as the frame or larger, and photos that are nearly black."""

import numpy as np
import pytest
from PIL import Image

from grouping.boxes import box_iou
from grouping.config import DetectionSettings
from grouping.faces.photo_analyser import PhotoAnalyser
from grouping.faces.search.extreme import fills_frame, is_dark, stretched
from grouping.records import Detections
from tests.helpers.networks.embedding import no_embedding

PORTRAITS = ("astronaut", "president_biden", "president_obama_1", "president_obama_2")


@pytest.fixture(scope="module")
def analyse(detector):
    """Pixels to their result; nothing is embedded."""

    def analyse(pixels, **settings):
        analyser = PhotoAnalyser(
            detector,
            no_embedding,
            DetectionSettings(**settings),
        )
        return analyser([pixels])[0]

    return analyse


def pixels_of(path):
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("fill", [0.9, 1.0, 1.1, 1.2])
@pytest.mark.parametrize("name", PORTRAITS)
def test_faces_larger_than_the_frame_are_found_where_they_are(analyse, photos, name, fill):
    pixels = pixels_of(photos / f"{name}.jpg")
    whole = analyse(pixels).faces
    box, landmarks = whole.boxes[0], whole.landmarks[0]
    centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / fill / 2
    x1, y1 = np.rint(centre - half).astype(int)
    x2, y2 = np.rint(centre + half).astype(int)
    result = analyse(np.ascontiguousarray(pixels[y1:y2, x1:x2]))
    assert len(result.faces) == 1
    errors = np.linalg.norm(result.faces.landmarks[0] + (x1, y1) - landmarks, axis=1)
    assert errors.mean() < 0.15 * np.linalg.norm(landmarks[1] - landmarks[0])
    size = x2 - x1, y2 - y1
    assert (result.faces.boxes[0] >= 0).all()
    assert (result.faces.boxes[0] <= np.tile(size, 2)).all()


@pytest.mark.parametrize("light", [0.05, 0.03])
@pytest.mark.parametrize("name", PORTRAITS)
def test_faces_in_the_dark_are_found(analyse, photos, name, light):
    pixels = pixels_of(photos / f"{name}.jpg")
    noise = np.random.default_rng(0).normal(0, 0.5, pixels.shape)
    dark = np.clip(np.rint(pixels * light + noise), 0, 255).astype(np.uint8)
    bright, found = analyse(pixels), analyse(dark)
    overlap = box_iou(bright.faces.boxes, found.faces.boxes)[0]
    assert overlap.max() > 0.6
    # The tones are stretched for detection only: the crop is as dark as the photo.
    assert found.crops[overlap.argmax()].max() < 255 * light + 4


def test_a_dark_photo_that_lies_on_a_side_is_both(analyse, photos):
    dark = np.rint(pixels_of(photos / "astronaut.jpg") * 0.05).astype(np.uint8)
    result = analyse(np.ascontiguousarray(np.rot90(dark)))
    assert (len(result.faces), result.rotation) == (1, 90)


def test_noise_in_the_dark_is_no_face(analyse):
    rng = np.random.default_rng(0)
    for level in (1, 3, 10):
        noise = np.abs(rng.normal(0, level, (480, 640, 3))).astype(np.uint8)
        assert len(analyse(noise).faces) == 0


def test_min_face_holds_for_faces_that_fill_the_frame(analyse, photos):
    face = pixels_of(photos / "astronaut.jpg")
    assert len(analyse(face, min_face=1000).faces) == 0


@pytest.mark.parametrize("name", PORTRAITS)
def test_only_what_is_nearly_black_is_dark(photos, name):
    pixels = pixels_of(photos / f"{name}.jpg")
    assert not is_dark(Image.fromarray(pixels))
    assert is_dark(Image.fromarray(pixels // 10))


def test_tones_are_stretched_over_the_whole_range():
    ramp = np.repeat(np.arange(10, 50, dtype=np.uint8), 100).reshape(50, 80)
    image = Image.fromarray(np.stack([ramp] * 3, 2))
    levels = np.asarray(stretched(image))
    assert (levels.min(), levels.max()) == (0, 255)
    order = np.argsort(ramp, axis=None, kind="stable")
    assert (np.diff(levels[..., 0].ravel()[order].astype(int)) >= 0).all()


def test_an_even_picture_can_be_stretched():
    assert np.asarray(stretched(Image.new("RGB", (8, 8)))).max() == 0
    assert np.asarray(stretched(Image.new("RGB", (8, 8), (9, 9, 9)))).shape == (8, 8, 3)


@pytest.mark.parametrize(("side", "fills"), [(74, False), (75, True), (120, True)])
def test_a_face_fills_the_frame_from_three_quarters_of_its_short_side(side, fills):
    boxes = np.array([[0, 0, side, side]], np.float32)
    face = Detections(boxes, np.ones(1, np.float32), np.zeros((1, 5, 2), np.float32))
    assert fills_frame(face, (200, 100)) == fills
    assert not fills_frame(Detections.empty(), (200, 100))
