"""Arithmetic on boxes: overlap, non-maximum suppression, squares, corrections.

Boxes are ``xyxy`` in pixels. Functions take and return numpy arrays and change none in place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grouping.records import Float32, Int64

NMS_BLOCK = 128  # ranked boxes settled at once; only those kept meet the rest


def overlap(a: Float32, b: Float32, *, of_smaller: bool = False, margin: float = 0) -> Float32:
    """Intersection over union of every box of ``a`` with every box of ``b``.

    Args:
        a: (n, 4).
        b: (m, 4).
        of_smaller: divide by the smaller area instead, so that a box inside another counts 1.
        margin: pixels added to every width and height (1 where the last pixel counts).

    Returns:
        (n, m) float32 in [0, 1].
    """
    width = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    height = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    shared = np.maximum(width + margin, 0) * np.maximum(height + margin, 0)
    area_a, area_b = _areas(a, margin)[:, None], _areas(b, margin)[None, :]
    whole = np.minimum(area_a, area_b) if of_smaller else area_a + area_b - shared
    share: Float32 = (shared / np.maximum(whole, np.finfo(np.float32).tiny)).astype(np.float32)
    return share


def suppress(
    boxes: Float32,
    scores: Float32,
    threshold: float,
    *,
    of_smaller: bool = False,
    margin: float = 0,
) -> Int64:
    """Greedy non-maximum suppression; ties in score go to the earlier row.

    Args:
        boxes: (n, 4).
        scores: (n,).
        threshold: a box that overlaps a better one by more than this is dropped.
        of_smaller, margin: see :func:`overlap`.

    Returns:
        Indices of the boxes kept, best first.
    """
    rest = np.argsort(-scores, kind="stable")
    kept = [rest[:0]]
    while len(rest):
        best, rest = rest[:NMS_BLOCK], rest[NMS_BLOCK:]
        among = overlap(boxes[best], boxes[best], of_smaller=of_smaller, margin=margin)
        chosen = best[_unbeaten(among > threshold)]
        kept.append(chosen)
        shares = overlap(boxes[chosen], boxes[rest], of_smaller=of_smaller, margin=margin)
        rest = rest[~(shares > threshold).any(0)]
    return np.concatenate(kept)


def _unbeaten(rivals: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Which of some ranked boxes no better one that is itself kept has beaten."""
    better = np.triu(rivals, 1)
    alive = np.ones(len(rivals), bool)
    while True:
        # Each turn settles at least one more box for good; nearly always two or three do.
        left: npt.NDArray[np.bool_] = np.logical_not(better[alive].any(0))
        if (left == alive).all():
            return left
        alive = left


def squared(boxes: Float32) -> Float32:
    """Grow the short side of each box so that it is a square about the same centre."""
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(1, keepdims=True)
    corner = boxes[:, :2] + (size - side) / 2
    return np.concatenate([corner, corner + side], 1)


def corrected(boxes: Float32, shares: Float32, margin: float = 1.0) -> Float32:
    """Move the four sides of each box by shares of its width and height.

    Args:
        boxes: (n, 4).
        shares: (n, 4), for x1, y1, x2, y2.
        margin: pixels added to width and height; the published networks after P-Net were
            trained on boxes whose last pixel counts.
    """
    size = boxes[:, 2:] - boxes[:, :2] + np.float32(margin)
    moved: Float32 = boxes + shares * np.concatenate([size, size], 1)
    return moved


def clamped(boxes: Float32, width: float, height: float) -> Float32:
    """Cut each box off at the edges of a photo."""
    limits = np.array([width, height, width, height], np.float32)
    inside: Float32 = np.clip(boxes, 0, limits).astype(np.float32)
    return inside


def _areas(boxes: Float32, margin: float) -> Float32:
    size = np.maximum(boxes[:, 2:] - boxes[:, :2] + margin, 0)
    areas: Float32 = size[:, 0] * size[:, 1]
    return areas
