"""Photos that lie on a side: their faces are those of the upright photo, where they are in it."""

import numpy as np
import pytest
from PIL import Image

from grouping.boxes import box_iou
from grouping.config import DetectionSettings
from grouping.faces.alignment import TEMPLATE
from grouping.faces.photo_analyser import PhotoAnalyser
from grouping.faces.search.detection import CascadeSettings
from grouping.faces.search.turned import (
    certainty,
    has_trusted_face,
    look_around,
    roll,
    turned,
    turned_back,
    turned_quality,
    uprightness,
)
from grouping.records import Detections
from tests.helpers.networks.embedding import no_embedding
from tests.helpers.photo_files.files import written

ROTATIONS = (90, 180, 270)
WITH_FACES = ("astronaut", "president_biden", "president_obama_2", "two_presidents")


@pytest.fixture(scope="module")
def analyse(detector):
    """A photo to its result; nothing is embedded."""

    def analyse(photo, **settings):
        analyser = PhotoAnalyser(
            detector,
            no_embedding,
            DetectionSettings(**settings),
        )
        return analyser([photo])[0]

    return analyse


def template_face(score, degrees=0.0):
    """A face on the alignment template, tilted clockwise."""
    angle = np.radians(degrees)
    clockwise = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    landmarks = ((TEMPLATE - 56) @ clockwise + 56).astype(np.float32)
    return Detections(
        np.array([[0, 0, 112, 112]], np.float32), np.array([score], np.float32), landmarks[None]
    )


def lying(pixels, rotation):
    """Pixels that have to be turned clockwise by ``rotation`` degrees to be as before."""
    return np.ascontiguousarray(np.rot90(pixels, rotation // 90))


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_points_come_back_to_the_pixel_they_were_on(rotation):
    pixels = np.zeros((40, 60, 3), np.uint8)
    places = np.array([[3, 5], [57, 2], [20, 30], [11, 39], [59, 0]])
    pixels[places[:, 1], places[:, 0], 0] = np.arange(1, 6)
    after = np.asarray(turned(Image.fromarray(pixels), rotation))[..., 0]
    assert np.array_equal(after, np.rot90(pixels[..., 0], -rotation // 90))
    found = np.array([np.argwhere(after == i)[0][::-1] for i in range(1, 6)])
    low, high = found.min(0), found.max(0) + 1
    faces = Detections(
        np.array([[*low, *high]], np.float32),
        np.ones(1, np.float32),
        found[None].astype(np.float32),
    )
    back = turned_back(faces, rotation, (60, 40))
    assert np.array_equal(back.landmarks[0], places)
    assert back.boxes[0].tolist() == [*places.min(0), *(places.max(0) + 1)]


@pytest.mark.parametrize("degrees", [-170, -90, -30, 0, 45, 120])
def test_roll_is_the_tilt_clockwise(degrees):
    assert roll(template_face(1, degrees).landmarks)[0] == pytest.approx(degrees, abs=1e-3)


def test_scores_are_counted_in_nines():
    scores = np.array([0.5, 0.9, 0.99, 0.999, 0.9999, 1], np.float32)
    assert certainty(scores) == pytest.approx([0, 0, 1 / 3, 2 / 3, 1, 1], abs=1e-3)


@pytest.mark.parametrize(
    ("score", "degrees", "trusted"),
    [(0.9995, 0, True), (0.998, 0, False), (1, 40, True), (1, 50, False), (1, 180, False)],
)
def test_only_an_upright_face_beyond_doubt_is_trusted(score, degrees, trusted):
    assert has_trusted_face(template_face(score, degrees)) == trusted


def test_tilted_faces_say_less_of_the_side_that_is_up():
    shown = [uprightness(template_face(1, degrees)) for degrees in (0, 45, 52.5, 60, 180)]
    assert shown == pytest.approx([1, 1, 0.5, 0, 0], abs=1e-3)


def test_a_photo_with_a_trusted_face_is_not_looked_at_again():
    def search(images, settings):
        raise AssertionError("searched again")

    seen = template_face(1)
    found = look_around(search, Image.new("RGB", (100, 100)), CascadeSettings(), seen)
    assert found.faces is seen
    assert found.rotation == 0


def test_a_side_that_is_not_better_at_the_usual_scale_does_not_win():
    def search(images, settings):
        if len(images) == 3:
            return [template_face(1), Detections.empty(), Detections.empty()]
        return [Detections.empty()]

    seen = template_face(0.95)
    found = look_around(search, Image.new("RGB", (100, 100)), CascadeSettings(), seen)
    assert found.faces is seen
    assert found.rotation == 0


def test_quality_of_uncertain_faces_is_lowered_in_turned_photos_only():
    quality, scores = np.array([0.8, 0.8], np.float32), np.array([1, 0.95], np.float32)
    assert turned_quality(quality, scores, 0) is quality
    assert turned_quality(quality, scores, 90) == pytest.approx([0.8, 0.0803], abs=1e-3)


@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("name", WITH_FACES)
def test_faces_of_a_turned_photo_are_those_of_the_upright_one(analyse, photos, name, rotation):
    pixels = np.asarray(Image.open(photos / f"{name}.jpg").convert("RGB"))
    upright, result = analyse(pixels), analyse(lying(pixels, rotation))
    height, width = pixels.shape[:2]
    assert upright.rotation == 0
    assert result.rotation == rotation
    assert (result.width, result.height) == (
        (width, height) if rotation == 180 else (height, width)
    )
    same_faces(upright, result, rotation)
    # Crops are upright by their landmarks: the same face to a few grey levels.
    order = matches(upright, result, rotation)
    assert np.abs(result.crops[order].astype(float) - upright.crops).mean() < 6
    # How far a face is tilted is said in the frame of the photo as it is.
    tilt = result.faces.measures[order, 4] - upright.faces.measures[:, 4] + rotation
    assert np.abs((tilt + 180) % 360 - 180).max() < 5


def frame_of_upright(result, rotation, size):
    """Faces of a lying photo where they are in the upright one."""
    faces = Detections(result.faces.boxes, result.faces.scores, result.faces.landmarks)
    return turned_back(faces, 360 - rotation, size)


def matches(upright, result, rotation):
    """For each upright face the row of the same face in the turned photo."""
    back = frame_of_upright(result, rotation, (upright.width, upright.height))
    return box_iou(upright.faces.boxes, back.boxes).argmax(1)


def same_faces(upright, result, rotation):
    back = frame_of_upright(result, rotation, (upright.width, upright.height))
    assert len(back) == len(upright.faces) > 0
    order = matches(upright, result, rotation)
    assert box_iou(upright.faces.boxes, back.boxes).max(1).min() > 0.7
    eyes = np.linalg.norm(upright.faces.landmarks[:, 0] - upright.faces.landmarks[:, 1], axis=1)
    errors = np.linalg.norm(upright.faces.landmarks - back.landmarks[order], axis=2).mean(1)
    assert (errors < 0.1 * eyes).all()


def test_a_file_is_looked_at_like_pixels(analyse, photos):
    pixels = lying(np.asarray(Image.open(photos / "astronaut.jpg").convert("RGB")), 90)
    file = written(Image.fromarray(pixels), "PNG")
    assert np.array_equal(analyse(file).faces.boxes, analyse(pixels).faces.boxes)


@pytest.mark.parametrize(
    "rotation", [90, *(pytest.param(r, marks=pytest.mark.slow) for r in ROTATIONS if r != 90)]
)
def test_a_crowd_in_a_turned_photo_is_searched_in_tiles(analyse, photos, rotation):
    face = Image.open(photos / "astronaut.jpg").convert("RGB")
    canvas = Image.new("RGB", (1600, 1200), (90, 110, 130))
    for i in range(35):  # the astronaut's face is a fifth of her photo
        side = 60 + 4 * i
        canvas.paste(face.resize((side, side)), (20 + i % 7 * 225, 10 + i // 7 * 235))
    pixels = np.asarray(canvas)
    upright = analyse(pixels)
    assert len(upright.faces) > len(analyse(pixels, crowds=False).faces)
    result = analyse(lying(pixels, rotation))
    assert result.rotation == rotation
    assert abs(len(result.faces) - len(upright.faces)) <= 1
    back = frame_of_upright(result, rotation, (1600, 1200))
    assert (box_iou(upright.faces.boxes, back.boxes).max(1) > 0.5).mean() > 0.95


def test_settings_hold_in_turned_photos(analyse, photos):
    pixels = lying(np.asarray(Image.open(photos / "two_presidents.jpg").convert("RGB")), 90)
    assert len(analyse(pixels).faces) == 2
    assert len(analyse(pixels, min_score=1.0).faces) < 2
    assert len(analyse(pixels, min_face=700).faces) == 0


def test_no_face_and_no_rotation_where_there_is_none(analyse, photos):
    pixels = np.asarray(Image.open(photos / "rocket.jpg").convert("RGB"))
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    for image in (pixels, noise, np.zeros_like(pixels)):
        result = analyse(image)
        assert (len(result.faces), result.rotation) == (0, 0)


@pytest.mark.slow
def test_nine_in_ten_faces_of_press_photos_are_found_again(analyse, shared_data):
    from grouping.faces.decoding import decode_photo

    faces = found = 0
    for path in sorted((shared_data / "press").iterdir())[::4]:
        pixels = decode_photo(path.read_bytes()).pixels
        upright = analyse(pixels)
        for rotation in ROTATIONS:
            result = analyse(lying(pixels, rotation))
            back = frame_of_upright(result, rotation, (upright.width, upright.height))
            faces += len(upright.faces)
            found += int((box_iou(upright.faces.boxes, back.boxes).max(1, initial=0) > 0.5).sum())
    assert found >= 0.9 * faces
