"""Arithmetic on boxes: overlap, non-maximum suppression, squares, regression offsets.

Boxes are (n, 4) float32 ``xyxy`` in pixels. No function changes an array in place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grouping.records import Float32, Int64

NMS_BLOCK = 128  # ranked boxes settled at once; only those kept meet the rest

# Boxes with at least this intersection over union, in the same photo found again, are one face:
# the usual criterion of detection benchmarks (Everingham et al. 2010, PASCAL VOC, sec. 4.2).
SAME_FACE_IOU = 0.5
# Boxes found twice in one photo, at two scales, are one face where they share at least this much
# of the smaller one.
SAME_FACE_COVER = 0.5
# A box that ends less than this share of its long side from the photo's edge ends there: half a
# pixel of the image searched, where the smallest faces have 16.
AT_EDGE = 0.03


def box_iou(a: Float32, b: Float32, *, of_smaller: bool = False, margin: float = 0) -> Float32:
    """Intersection over union of every box of ``a`` with every box of ``b``.

    Args:
        a: (n, 4) float32.
        b: (m, 4) float32.
        of_smaller: divide by the smaller area instead, so that a box inside another counts 1.
        margin: pixels added to every width and height (1 where the last pixel counts).

    Returns:
        (n, m) float32 in [0, 1].
    """
    return _overlap(a[:, None], b[None, :], of_smaller, margin)


def paired_overlap(a: Float32, b: Float32, *, of_smaller: bool = False) -> Float32:
    """Intersection over union of each box of ``a`` with the box of ``b`` in the same row.

    Args:
        a, b: (n, 4) float32.
        of_smaller: divide by the smaller area instead, so that a box inside another counts 1.

    Returns:
        (n,) float32 in [0, 1].
    """
    return _overlap(a, b, of_smaller, 0)


def _overlap(a: Float32, b: Float32, of_smaller: bool, margin: float) -> Float32:
    """Overlap of boxes (..., 4) and (..., 4) whose leading axes fit together: (...) float32."""
    width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    shared = np.maximum(width + margin, 0) * np.maximum(height + margin, 0)
    area_a, area_b = _areas(a, margin), _areas(b, margin)
    whole = np.minimum(area_a, area_b) if of_smaller else area_a + area_b - shared
    share: Float32 = (shared / np.maximum(whole, np.finfo(np.float32).tiny)).astype(np.float32)
    return share


def non_max_suppression(
    boxes: Float32,
    scores: Float32,
    threshold: float,
    *,
    of_smaller: bool = False,
    margin: float = 0,
) -> Int64:
    """Greedy non-maximum suppression; ties in score go to the earlier row.

    Args:
        boxes: (n, 4) float32.
        scores: (n,) float32.
        threshold: a box that overlaps a better one by more than this is dropped.
        of_smaller, margin: see :func:`box_iou`.

    Returns:
        (k,) int64, the rows kept, best first.
    """
    rest = np.argsort(-scores, kind="stable")
    kept = [rest[:0]]
    while len(rest):
        best, rest = rest[:NMS_BLOCK], rest[NMS_BLOCK:]
        among = box_iou(boxes[best], boxes[best], of_smaller=of_smaller, margin=margin)
        chosen = best[_unbeaten(among > threshold)]
        kept.append(chosen)
        if not len(rest):
            break
        shared = box_iou(boxes[chosen], boxes[rest], of_smaller=of_smaller, margin=margin)
        rest = rest[~(shared > threshold).any(0)]
    return np.concatenate(kept)


def _unbeaten(rivals: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell which of some ranked boxes no better one that is itself kept has beaten.

    Args:
        rivals: (n, n) bool, which boxes overlap too much; row and column 0 are the best box.

    Returns:
        (n,) bool.
    """
    better = np.triu(rivals, 1)
    alive = np.ones(len(rivals), bool)
    while True:
        # Each turn settles at least one more box for good; nearly always two or three do.
        left: npt.NDArray[np.bool_] = np.logical_not(better[alive].any(0))
        if (left == alive).all():
            return left
        alive = left


def to_squares(boxes: Float32) -> Float32:
    """Grow the short side of each box (n, 4) so that it is a square about the same centre."""
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(1, keepdims=True)
    corner = boxes[:, :2] + (size - side) / 2
    return np.concatenate([corner, corner + side], 1)


def apply_offsets(boxes: Float32, offsets: Float32, margin: float = 1.0) -> Float32:
    """Move the four sides of each box by regression offsets.

    Args:
        boxes: (n, 4) float32.
        offsets: (n, 4) float32, for x1, y1, x2, y2 in units of the box's width and height.
        margin: pixels added to width and height; the published networks after P-Net were
            trained on boxes whose last pixel counts.

    Returns:
        (n, 4) float32.
    """
    size = boxes[:, 2:] - boxes[:, :2] + np.float32(margin)
    moved: Float32 = boxes + offsets * np.concatenate([size, size], 1)
    return moved


def clip_boxes(boxes: Float32, width: float, height: float) -> Float32:
    """Cut each box (n, 4) off at the edges of a photo; (n, 4) float32."""
    limits = np.array([width, height, width, height], np.float32)
    inside: Float32 = np.clip(boxes, 0, limits).astype(np.float32)
    return inside


def sides_at_edge(boxes: Float32, width: float, height: float) -> npt.NDArray[np.bool_]:
    """Tell which sides of each box (n, 4) lie on the edge of a photo, or beyond: (n, 4) bool."""
    near = AT_EDGE * (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True)
    low, high = boxes[:, :2] <= near, boxes[:, 2:] >= np.array([width, height]) - near
    return np.concatenate([low, high], 1)


def _areas(boxes: Float32, margin: float) -> Float32:
    """Areas (...) float32 of boxes (..., 4), ``margin`` added to both sides."""
    size = np.maximum(boxes[..., 2:] - boxes[..., :2] + margin, 0)
    areas: Float32 = size[..., 0] * size[..., 1]
    return areas
