"""Where in a photo a face may be: P-Net over the levels of the pyramid.

The two largest levels hold three quarters of the cells and few faces. A face that shows in one
of them shows in the next smaller level too, if less clearly, so they are looked at in small
windows around what the level before has seen, and not at all elsewhere. The others are looked
at whole: hints of hints would miss faces. (A slow test compares the faces with those found by
looking at all.)

P-Net runs over strips of fixed height and a width rounded up, or over many windows of one size:
its activations stay in the processor's cache, and the convolutions meet few distinct shapes, so
that their kernels are set up once. Cells that see padding are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from backbone.networks.mtcnn import PNET_CELL, PNET_STRIDE
from grouping.boxes import apply_offsets, non_max_suppression, to_squares
from grouping.faces.search.pyramid import Pyramid
from grouping.records import Float32, Int64

STRIP_ROWS = 64  # rows of P-Net cells computed at once, at most
ROWS_STEP = 8  # cells to which the height of a strip is rounded up
WIDTH_STEP = 32  # pixels to which its width is

HINTED_LEVELS = 2  # the largest levels, searched only where the next smaller one gives a hint
HINT = 0.35  # face probability of a cell that is a hint
REACH = 2  # cells around a hint, on its own level, that are looked at on the next
WINDOW = 10  # cells a side of the windows looked at
WINDOWS = 64  # that P-Net sees at once
# A level with fewer cells, or with more of them under windows, is looked at whole: that is faster.
HINTED_CELLS = 2000
WINDOWS_SHARE = 0.7

# Intersection over union from which non-maximum suppression drops a box, within a level and after
# each network: the values of the authors' code.
LEVEL_OVERLAP = 0.5
STAGE_OVERLAP = 0.7

Extent = tuple[int, int]  # height and width in pixels
# P-Net on (n, h, w, 3) float32 and the extents that are not padding: face probability (n, r, c) and
# regression offsets (n, 4, r, c), both float32, for r rows and c columns of cells.
RunPNet = Callable[[Float32, Sequence[Extent]], list[Float32]]


def propose_candidates(
    pnet: RunPNet, pyramid: Pyramid, scales: Sequence[float], threshold: float
) -> Float32:
    """Look for faces on all levels.

    Args:
        pnet: the network.
        pyramid: of the photo.
        scales: of the levels, largest first.
        threshold: face probability that a candidate needs.

    Returns:
        (n, 4) float32, square candidates in pixels of the photo.
    """
    found = [np.zeros((0, 9), np.float32)]
    scores: Float32 | None = None
    for number in reversed(range(len(scales))):  # the smallest level gives the first hints
        level = PyramidLevel(pyramid, scales[number])
        corners = None
        if scores is not None and number < HINTED_LEVELS:
            corners = level.corners_of_windows(scores >= HINT, scales[number + 1])
        scores, offsets = level.scan(pnet) if corners is None else level.look(pnet, corners)
        found.append(level.candidates(scores, offsets, threshold))
    candidates = np.concatenate(found[::-1])
    candidates = candidates[non_max_suppression(candidates[:, :4], candidates[:, 4], STAGE_OVERLAP)]
    return to_squares(apply_offsets(candidates[:, :4], candidates[:, 5:], margin=0))


class PyramidLevel:
    """One level of a photo's pyramid, and its map of P-Net cells.

    Attributes:
        width, height: in pixels of the level.
        rows, columns: of cells.
    """

    def __init__(self, pyramid: Pyramid, scale: float) -> None:
        self._pyramid = pyramid
        self._scale = scale
        self.width, self.height = (int(side * scale + 1) for side in pyramid.size)
        # Ceil-mode pooling gives a last cell that hangs over an odd edge by one pixel.
        self.rows, self.columns = (
            (side - PNET_CELL + 1) // PNET_STRIDE + 1 for side in (self.height, self.width)
        )

    def scan(self, pnet: RunPNet) -> tuple[Float32, Float32]:
        """Look at all cells.

        Returns:
            (rows, columns) float32, face probability, and (rows, columns, 4) float32, offsets.
        """
        strips = -(-self.rows // STRIP_ROWS)
        strip = _rounded_up(-(-self.rows // strips), ROWS_STEP)
        step, high = strip * PNET_STRIDE, _pixels(strip)
        room = (strips - 1) * step + high, _rounded_up(self.width, WIDTH_STEP)
        padded = self._pyramid.level(self.width, self.height, room)
        parts = [
            pnet(padded[None, y : y + high], [(min(self.height - y, high), self.width)])
            for y in range(0, strips * step, step)
        ]
        probability, offsets = (np.concatenate(part, -2)[0] for part in zip(*parts, strict=True))
        inside = np.s_[: self.rows, : self.columns]
        return probability[inside], offsets.transpose(1, 2, 0)[inside]

    def look(self, pnet: RunPNet, corners: Int64) -> tuple[Float32, Float32]:
        """Look at windows only, ``corners`` (n, 2) int64 their first row and column of cells.

        Returns:
            As :meth:`scan`; 0 where no window is.
        """
        side = _pixels(WINDOW)
        # Windows that start inside may end beyond the edge.
        rows, columns = self.rows + WINDOW, self.columns + WINDOW
        level = self._pyramid.level(self.width, self.height, (_pixels(rows), _pixels(columns)))
        lines = level.reshape(len(level), -1)  # a pixel is three numbers
        windows = np.lib.stride_tricks.sliding_window_view(lines, (side, 3 * side))
        rest = np.array([self.height, self.width]) - corners * PNET_STRIDE
        extents = np.minimum(rest, side).tolist()
        probability = np.zeros((rows, columns), np.float32)
        offsets = np.zeros((rows, columns, 4), np.float32)
        steps = np.arange(WINDOW)
        for start in range(0, len(corners), WINDOWS):
            batch = slice(start, start + WINDOWS)
            y, x = corners[batch].T
            images = windows[y * PNET_STRIDE, x * PNET_STRIDE * 3].reshape(-1, side, side, 3)
            found, moves = pnet(images, extents[batch])
            cells = y[:, None, None] + steps[:, None], x[:, None, None] + steps
            probability[cells], offsets[cells] = found, moves.transpose(0, 2, 3, 1)
        inside = np.s_[: self.rows, : self.columns]
        return probability[inside], offsets[inside]

    def corners_of_windows(self, hints: npt.NDArray[np.bool_], scale: float) -> Int64 | None:
        """Find windows around hints; None where looking at all is faster.

        Args:
            hints: (r, c) bool, cells of a smaller level that are one.
            scale: of that level.

        Returns:
            (n, 2) int64, first row and column of cells of each window.
        """
        cells = self.rows * self.columns
        if cells < HINTED_CELLS:
            return None
        around = _spread(hints, REACH)
        y, x = (
            _same_place(np.arange(count), scale / self._scale).clip(0, limit - 1)
            for count, limit in zip((self.rows, self.columns), hints.shape, strict=True)
        )
        corners = _cover(around[y][:, x])
        return corners if len(corners) * WINDOW**2 < WINDOWS_SHARE * cells else None

    def candidates(self, scores: Float32, offsets: Float32, threshold: float) -> Float32:
        """Take the best cells of the level.

        Args:
            scores: (rows, columns) float32, face probability.
            offsets: (rows, columns, 4) float32.
            threshold: face probability that a candidate needs.

        Returns:
            (n, 9) float32: box in pixels of the photo (4), score (1), offsets (4).
        """
        y, x = np.nonzero(scores >= threshold)
        corner = (np.stack([x, y], 1) * PNET_STRIDE + 1).astype(np.float32)
        # In float32, as the authors' code: float64 would round some sides to another pixel.
        sides = np.concatenate([corner, corner + PNET_CELL - 1], 1) / np.float32(self._scale)
        columns = [np.floor(sides), scores[y, x][:, None], offsets[y, x]]
        table = np.concatenate(columns, 1).astype(np.float32)
        return table[non_max_suppression(table[:, :4], table[:, 4], LEVEL_OVERLAP)]


def _spread(marked: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.bool_]:
    """Mark all cells of a map (rows, columns) that are at most ``reach`` from a marked one.

    SciPy has this too, but takes longer to import than all maps of an album take here.
    """
    for _axis in range(2):
        spread = marked.copy()
        for step in range(1, reach + 1):
            spread[step:] |= marked[:-step]
            spread[:-step] |= marked[step:]
        marked = spread.T
    return marked


def _cover(wanted: npt.NDArray[np.bool_]) -> Int64:
    """Place windows that do not overlap and hold all cells wanted, (rows, columns) bool.

    Returns (n, 2) int64, the first row and column of each window.
    Band after band from the top, window after window from the left, each as late as can be.
    """
    corners = []
    rows = np.flatnonzero(wanted.any(1))
    while len(rows):
        columns = np.flatnonzero(wanted[rows[0] : rows[0] + WINDOW].any(0))
        while len(columns):
            corners.append((rows[0], columns[0]))
            columns = columns[np.searchsorted(columns, columns[0] + WINDOW) :]
        rows = rows[np.searchsorted(rows, rows[0] + WINDOW) :]
    return np.array(corners, np.int64).reshape(-1, 2)


def _same_place(cells: Int64, ratio: float) -> Int64:
    """Map cells to those of a level ``ratio`` times the size whose centres are nearest; int64."""
    centre = cells * PNET_STRIDE + PNET_CELL / 2
    return np.rint((centre * ratio - PNET_CELL / 2) / PNET_STRIDE).astype(np.int64)


def _pixels(cells: int) -> int:
    """Return how many pixels a row of cells sees."""
    return (cells - 1) * PNET_STRIDE + PNET_CELL


def _rounded_up(value: int, step: int) -> int:
    """Return the smallest multiple of ``step`` that is not below ``value``."""
    return -(-value // step) * step
