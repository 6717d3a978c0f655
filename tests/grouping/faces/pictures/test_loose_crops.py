"""Loose crops are squares of the photo about the box, upright, and never larger than asked for."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from grouping.faces.pictures.loose_crops import LOOSE_SIDE, loose_crops, square_around

WIDTH, HEIGHT = 300, 200


@pytest.fixture(scope="module")
def ramp():
    """(200, 300, 3): red is x, green is y, so that every pixel says where it is."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    return np.stack([x * 255 // WIDTH, y * 255 // HEIGHT, 0 * x], -1).astype(np.uint8)


def encoded(pixels):
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def place_of(pixel):
    return int(pixel[0]) * WIDTH / 255, int(pixel[1]) * HEIGHT / 255


@pytest.mark.parametrize("as_file", [True, False])
def test_the_square_lies_about_the_box(ramp, as_file):
    box = np.array([[100, 80, 140, 120]], np.float32)
    (crop,) = loose_crops(encoded(ramp) if as_file else ramp, box)
    assert crop.shape == (64, 64, 3)
    assert place_of(crop[0, 0]) == pytest.approx((88, 68), abs=2)
    assert place_of(crop[-1, -1]) == pytest.approx((151, 131), abs=2)


def test_at_the_edge_it_is_moved_inside(ramp):
    (crop,) = loose_crops(ramp, np.array([[-5, 170, 35, 210]], np.float32))
    assert crop.shape == (64, 64, 3)
    assert place_of(crop[0, 0]) == pytest.approx((0, 136), abs=2)
    assert square_around((0, 0, 900, 900), 1.6, WIDTH, HEIGHT) == (100, 0, 300, 200)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_photo_on_its_side_is_turned_clockwise(ramp, rotation):
    box = np.array([[100, 80, 140, 120]], np.float32)
    (plain,), (turned,) = loose_crops(ramp, box), loose_crops(ramp, box, rotation)
    expected = Image.fromarray(plain).rotate(-rotation, expand=True)
    np.testing.assert_array_equal(turned, np.asarray(expected))


def test_large_faces_are_made_smaller_and_small_ones_keep_their_pixels():
    image = Image.new("RGB", (4000, 3000), (10, 200, 30))
    file = BytesIO()
    image.save(file, "JPEG")
    boxes = np.array([[1000, 500, 2500, 2000], [20, 20, 60, 70]], np.float32)
    large, small = loose_crops(file.getvalue(), boxes)
    assert large.shape == (LOOSE_SIDE, LOOSE_SIDE, 3)
    assert small.shape == (80, 80, 3)


def test_no_box_needs_no_photo():
    assert loose_crops(b"not a photo", np.zeros((0, 4), np.float32)) == []


def test_a_single_pixel():
    (crop,) = loose_crops(np.zeros((1, 1, 3), np.uint8), np.array([[0, 0, 1, 1]], np.float32))
    assert crop.shape == (1, 1, 3)
