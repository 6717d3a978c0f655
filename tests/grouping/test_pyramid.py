"""Levels and crops against torch's adaptive average pooling of the plain pixels."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d

from grouping import pyramid as module
from grouping.pyramid import Pyramid, summed_area_table


def random_pixels(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def pooled(pixels, height, width):
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].double()
    return adaptive_avg_pool2d(x, (height, width))[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (37, 53), (120, 90)])
@pytest.mark.parametrize("bits", [21, 4])  # 4: rows too long for packing, the other way to sum
def test_table_holds_the_sums_of_all_rectangles_from_the_origin(monkeypatch, size, bits):
    monkeypatch.setattr(module, "BITS", bits)
    pixels = random_pixels(*size)
    table = summed_area_table(pixels)
    expected = pixels.astype(np.int64).cumsum(0).cumsum(1)
    assert (table[1:, 1:] == expected).all()
    assert not table[0].any()
    assert not table[:, 0].any()


def test_the_longest_packed_row_of_white_does_not_overflow():
    width = (2**module.BITS - 1) // 255
    pixels = np.full((1, width, 3), 255, np.uint8)
    assert (summed_area_table(pixels)[1, -1] == 255 * width).all()


def test_a_table_that_wraps_around_still_gives_right_means():
    pixels = np.full((4200, 4100, 3), 255, np.uint8)  # sums up to 4.39e9 > 2^32
    level = Pyramid(Image.fromarray(pixels)).level(7, 5)
    assert np.abs(level - 255).max() < 1e-4


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
