"""Box arithmetic against plain loops."""

import numpy as np
import pytest

from grouping import boxes as module
from grouping.boxes import (
    apply_offsets,
    box_iou,
    clip_boxes,
    non_max_suppression,
    paired_overlap,
    sides_at_edge,
    to_squares,
)


def random_boxes(n, seed=0, spread=100.0):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, spread, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(5, 40, (n, 2))], 1).astype(np.float32)


def plain_overlap(a, b, of_smaller=False, margin=0.0):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + margin)
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + margin)
    area_a = (a[2] - a[0] + margin) * (a[3] - a[1] + margin)
    area_b = (b[2] - b[0] + margin) * (b[3] - b[1] + margin)
    shared = width * height
    return shared / (min(area_a, area_b) if of_smaller else area_a + area_b - shared)


def plain_suppress(boxes, scores, threshold, **how):
    order = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept = []
    for i in order:
        if all(
            plain_overlap(boxes[i].tolist(), boxes[k].tolist(), **how) <= threshold for k in kept
        ):
            kept.append(i)
    return kept


@pytest.mark.parametrize("of_smaller", [False, True])
@pytest.mark.parametrize("margin", [0, 1])
def test_overlap_is_that_of_a_plain_loop(of_smaller, margin):
    a, b = random_boxes(13, 1), random_boxes(9, 2)
    expected = [[plain_overlap(x, y, of_smaller, margin) for y in b.tolist()] for x in a.tolist()]
    got = box_iou(a, b, of_smaller=of_smaller, margin=margin)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("of_smaller", [False, True])
def test_paired_overlap_is_that_of_each_with_its_own(of_smaller):
    a, b = random_boxes(30, 1, spread=30), random_boxes(30, 2, spread=30)
    got = paired_overlap(a, b, of_smaller=of_smaller)
    assert got.dtype == np.float32
    assert got.tolist() == box_iou(a, b, of_smaller=of_smaller).diagonal().tolist()
    assert ((got > 0) & (got < 1)).any()


def test_overlap_of_boxes_without_area_is_zero():
    point = np.array([[5, 5, 5, 5]], np.float32)
    assert box_iou(point, point)[0, 0] == 0
    assert paired_overlap(point, point)[0] == 0


@pytest.mark.parametrize("how", [{}, {"of_smaller": True, "margin": 1}])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("block", [7, 64, 1024])
def test_suppression_is_that_of_a_plain_loop(monkeypatch, how, threshold, block):
    monkeypatch.setattr(module, "NMS_BLOCK", block)
    for seed in range(4):
        boxes = random_boxes(120, seed)
        scores = np.random.default_rng(seed).random(120).astype(np.float32).round(1)  # many ties
        expected = plain_suppress(boxes, scores, threshold, **how)
        assert non_max_suppression(boxes, scores, threshold, **how).tolist() == expected


@pytest.mark.parametrize("n", [0, 1])
def test_suppression_of_none_and_one(n):
    assert non_max_suppression(random_boxes(n), np.ones(n, np.float32), 0.5).tolist() == list(
        range(n)
    )


def test_equal_boxes_leave_the_first():
    boxes = np.repeat(random_boxes(1), 5, axis=0)
    assert non_max_suppression(boxes, np.ones(5, np.float32), 0.5).tolist() == [0]


def test_squares_keep_centre_and_longer_side():
    boxes = random_boxes(20)
    square = to_squares(boxes)
    size = square[:, 2:] - square[:, :2]
    np.testing.assert_allclose(size[:, 0], size[:, 1], rtol=1e-5)
    np.testing.assert_allclose(size[:, 0], (boxes[:, 2:] - boxes[:, :2]).max(1), rtol=1e-5)
    centres = [(b[:, :2] + b[:, 2:]) / 2 for b in (boxes, square)]
    np.testing.assert_allclose(*centres, rtol=1e-5)


def test_corrections_are_offsets_of_width_and_height():
    boxes = np.array([[10, 20, 30, 60]], np.float32)
    offsets = np.array([[0.1, 0.1, -0.1, 0.5]], np.float32)
    np.testing.assert_allclose(apply_offsets(boxes, offsets, margin=0), [[12, 24, 28, 80]])
    np.testing.assert_allclose(apply_offsets(boxes, offsets), [[12.1, 24.1, 27.9, 80.5]], rtol=1e-6)


def test_boxes_are_cut_off_at_the_edges_and_not_mirrored():
    boxes = np.array([[-10, -5, 20, 30], [90, 40, 130, 70]], np.float32)
    assert clip_boxes(boxes, 100, 50).tolist() == [[0, 0, 20, 30], [90, 40, 100, 50]]


def test_arguments_are_not_changed():
    boxes, scores = random_boxes(10), np.linspace(0, 1, 10, dtype=np.float32)
    before = boxes.copy(), scores.copy()
    non_max_suppression(boxes, scores, 0.3)
    to_squares(boxes)
    apply_offsets(boxes, np.ones((10, 4), np.float32))
    clip_boxes(boxes, 20, 20)
    assert (boxes == before[0]).all()
    assert (scores == before[1]).all()


def test_sides_at_the_edge_are_those_that_end_there_or_beyond():
    boxes = np.array(
        [[0, 0, 50, 50], [50, 20, 99.5, 60], [2, 2, 52, 62], [-9, 20, 30, 90], [20, 20, 40, 40]],
        np.float32,
    )
    expected = [[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]]
    assert sides_at_edge(boxes, 100, 90).astype(int).tolist() == expected
    assert sides_at_edge(boxes[:0], 100, 90).shape == (0, 4)
