"""Levels and crops against torch's adaptive average pooling of the plain pixels."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d

from grouping.faces.search import detection
from grouping.faces.search import pyramid as module
from grouping.faces.search.pyramid import Pyramid, summed_area_table


def random_pixels(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def table_of(pixels, sum_rows=None):
    """Of (h, w, 3) uint8; what Pillow keeps beside the colours counts nothing."""
    beside = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    return summed_area_table(np.concatenate([pixels, beside], 2), sum_rows)


def pooled(pixels, height, width):
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].double()
    return adaptive_avg_pool2d(x, (height, width))[0].permute(1, 2, 0).numpy()


def colours(packed):
    """(..., 3) sums from differences of a table."""
    mask = (1 << module.BITS) - 1
    return np.stack([(packed >> (module.BITS * k)) & mask for k in range(3)], -1)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (37, 53), (70, 90)])
def test_table_holds_the_sums_of_all_rectangles_from_the_origin(size):
    pixels = random_pixels(*size)
    table = table_of(pixels)
    expected = pixels.astype(np.int64).cumsum(0).cumsum(1)
    assert (colours(table[1:, 1:]) == expected).all()
    assert not table[0].any()
    assert not table[:, 0].any()


def test_a_table_that_wraps_around_still_gives_the_sums_of_windows():
    pixels = random_pixels(3000, 2900)  # 1.1e9 a colour: far above 2**21, and 2**63 in all
    table = table_of(pixels)
    assert table.min() < 0
    y, x = np.random.default_rng(1).integers(0, 2800, (2, 200))
    found = table[y + 90, x + 90] - table[y, x + 90] - table[y + 90, x] + table[y, x]
    expected = [pixels[j : j + 90, i : i + 90].sum((0, 1), int) for j, i in zip(y, x, strict=True)]
    assert (colours(found) == expected).all()


def test_torch_sums_up_as_numpy_does_where_it_wraps_around_too():
    pixels = random_pixels(3000, 2900)
    assert (table_of(pixels, detection._sum_rows) == table_of(pixels)).all()


@pytest.mark.parametrize("size", [(4200, 4100), (9000, 1), (1, 9000), (91, 91), (90, 91)])
@pytest.mark.parametrize("tint", [(255, 255, 255), (255, 0, 255), (0, 255, 0)])
def test_windows_too_large_for_one_sum_are_averaged_right(size, tint):
    pixels = np.empty((*size, 3), np.uint8)
    pixels[:] = tint
    pyramid = Pyramid(Image.fromarray(pixels))
    assert np.abs(pyramid.level(1, 1) - tint).max() < 1e-4
    whole = np.array([[1, 1, size[1], size[0]]], np.float32)
    assert np.abs(pyramid.crops(whole, 24) - tint).max() < 1e-4


@pytest.mark.parametrize("out", [(1, 1), (12, 12), (29, 41), (37, 53), (50, 60)])
def test_levels_are_adaptive_average_pooling(out):
    pixels = random_pixels(37, 53)
    level = Pyramid(Image.fromarray(pixels)).level(out[1], out[0])
    assert level.dtype == np.float32
    np.testing.assert_allclose(level, pooled(pixels, *out), rtol=1e-6)


@pytest.mark.parametrize("side", [24, 48])
def test_crops_are_adaptive_average_pooling_with_black_outside(side):
    pixels = random_pixels(80, 100)
    room = 100
    wide = np.pad(pixels, [(room, room), (room, room), (0, 0)])
    rng = np.random.default_rng(1)
    corner = rng.uniform(-40, 90, (80, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(2, 90, (80, 2))], 1).astype(np.float32)
    crops = Pyramid(Image.fromarray(pixels)).crops(boxes, side)
    for crop, box in zip(crops, boxes.astype(int), strict=True):
        # Pixels counted from one, both ends included.
        x1, y1, x2, y2 = box + room
        part = wide[y1 - 1 : y2, x1 - 1 : x2]
        np.testing.assert_allclose(crop, pooled(part, side, side), rtol=1e-6)


@pytest.mark.parametrize("shift", [(-2000, 0), (0, -2000), (2000, 0), (0, 2000)])
def test_large_boxes_that_hang_far_over_the_edge(shift):
    pixels = np.full((3000, 3000, 3), 255, np.uint8)
    box = np.array([[1, 1, 3000, 3000]], np.float32) + np.float32([*shift, *shift])
    crop = Pyramid(Image.fromarray(pixels)).crops(box, 24)[0]
    assert crop.mean() == pytest.approx(255 / 3, rel=1e-5)
    assert crop.max() == pytest.approx(255, rel=1e-5)


@pytest.mark.parametrize("box", [(90, 70, 95, 75), (-20, -20, -5, -9), (5, 3, 4, 2)])
def test_a_box_wholly_outside_or_of_no_size_is_no_error(box):
    pixels = random_pixels(20, 30)
    crop = Pyramid(Image.fromarray(pixels)).crops(np.array([box], np.float32), 24)[0]
    assert (crop == (pixels[2, 4] if box[0] == 5 else 0)).all()


def test_no_boxes_give_no_crops():
    pyramid = Pyramid(Image.fromarray(random_pixels(20, 30)))
    assert pyramid.crops(np.zeros((0, 4), np.float32), 24).shape == (0, 24, 24, 3)
