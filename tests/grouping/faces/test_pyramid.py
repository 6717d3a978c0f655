"""Levels and crops against torch's adaptive average pooling of the plain pixels."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d

from grouping.faces import pyramid as module
from grouping.faces.pyramid import Pyramid, summed_area_table


def random_pixels(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


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
    table = summed_area_table(pixels)
    expected = pixels.astype(np.int64).cumsum(0).cumsum(1)
    assert (colours(table[1:, 1:]) == expected).all()
    assert not table[0].any()
    assert not table[:, 0].any()


def test_a_table_that_wraps_around_still_gives_the_sums_of_windows():
    pixels = random_pixels(3000, 2900)  # 1.1e9 a colour: far above 2**21, and 2**63 in all
    table = summed_area_table(pixels)
    assert table.min() < 0
    y, x = np.random.default_rng(1).integers(0, 2800, (2, 200))
    found = table[y + 90, x + 90] - table[y, x + 90] - table[y + 90, x] + table[y, x]
    expected = [pixels[j : j + 90, i : i + 90].sum((0, 1), int) for j, i in zip(y, x, strict=True)]
    assert (colours(found) == expected).all()


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
def test_crops_are_adaptive_average_pooling_of_the_part_inside(side):
    pixels = random_pixels(80, 100)
    rng = np.random.default_rng(1)
    corner = rng.uniform(-20, 90, (60, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(6, 70, (60, 2))], 1).astype(np.float32)
    inside = (boxes[:, 0] < 98) & (boxes[:, 1] < 78) & (boxes[:, 2:] > 3).all(1)
    boxes = boxes[inside]
    crops = Pyramid(Image.fromarray(pixels)).crops(boxes, side)
    assert len(boxes) > 30
    for crop, (x1, y1, x2, y2) in zip(crops, boxes.tolist(), strict=True):
        # Pixels counted from one, both ends included.
        part = pixels[max(int(y1), 1) - 1 : int(y2), max(int(x1), 1) - 1 : int(x2)]
        np.testing.assert_allclose(crop, pooled(part, side, side), rtol=1e-6)


def test_a_box_wholly_outside_gives_the_nearest_pixel():
    pixels = random_pixels(20, 30)
    crops = Pyramid(Image.fromarray(pixels)).crops(np.array([[90, 70, 95, 75]], np.float32), 24)
    assert (crops == pixels[-1, -1]).all()


def test_no_boxes_give_no_crops():
    pyramid = Pyramid(Image.fromarray(random_pixels(20, 30)))
    assert pyramid.crops(np.zeros((0, 4), np.float32), 24).shape == (0, 24, 24, 3)
