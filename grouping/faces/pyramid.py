"""One photo at every scale, area-averaged exactly, from one summed-area table.

A summed-area table (Crow 1984, doi:10.1145/800031.808600) gives the sum over any rectangle from
four look-ups, so that pyramid levels and candidate crops of any size cost no more than the
pixels they come out with. The windows are those of adaptive average pooling: output ``i`` of
``n`` over ``m`` pixels averages ``floor(i m / n)`` up to ``ceil((i + 1) m / n)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from grouping.records import Float32, Int64

# The sums of the three colours share one integer, BITS apart, so that one addition and one look-up
# do for all three. It may wrap around, and one colour may run over into the next: a difference of
# sums is right all the same where each colour's sum over the window is below 2**BITS.
Table = npt.NDArray[np.int64]
BITS = 21
MOST_PIXELS = (2**BITS - 1) // 255  # of a window, were it white; larger ones are summed in parts

Edges = tuple[Int64, Int64]  # where the windows along one axis start and end

# Worked on at once: few enough to stay in the processor's cache.
BLOCK_ROWS = 32
BLOCK_CROPS = 64


class Pyramid:
    """The summed-area table of one photo, and what is cut from it.

    Attributes:
        size: (width, height) in pixels.
    """

    def __init__(self, image: Image.Image) -> None:
        self.size = image.size
        self._table = summed_area_table(np.asarray(image))

    def level(self, width: int, height: int, room: tuple[int, int] | None = None) -> Float32:
        """Return the whole photo area-averaged to (height, width, 3) float32, 0..255.

        Args:
            width, height: of the level in pixels.
            room: (rows, columns) to return, at least that many; what is beyond the level is 0.
        """
        rows, columns = room or (height, width)
        level = np.zeros((rows, columns, 3), np.float32)
        x, (top, bottom) = (_windows(n, m) for n, m in zip(self.size, (width, height), strict=True))
        for block in _blocks(height, BLOCK_ROWS):
            y = top[block], bottom[block]
            share = _share(y)[:, None] * _share(x)
            _fill(level[block, :width], share, _colours(self._crossings, y, x))
        return level

    def crops(self, boxes: Float32, side: int) -> Float32:
        """Return each box area-averaged to (n, side, side, 3) float32, 0..255.

        Args:
            boxes: (n, 4) in pixels counted from one, as the cascade's authors count; the parts
                of a box outside the photo are left out.
            side: pixels a side that come out.
        """
        width, height = self.size
        x1, x2 = _inside(boxes[:, 0], boxes[:, 2], width)
        y1, y2 = _inside(boxes[:, 1], boxes[:, 3], height)
        left, right = (x1[:, None] + w for w in _windows((x2 - x1)[:, None], side))
        top, bottom = (y1[:, None] + w for w in _windows((y2 - y1)[:, None], side))
        crops = np.empty((len(boxes), side, side, 3), np.float32)
        for block in _blocks(len(boxes), BLOCK_CROPS):
            y, x = (top[block], bottom[block]), (left[block], right[block])
            share = _share(y)[:, :, None] * _share(x)[:, None, :]
            _fill(crops[block], share, _colours(self._boxes, y, x))
        return crops

    def _crossings(self, y: Edges, x: Edges) -> Table:
        """(h, w) sums over the windows where h rows of windows cross w columns of them."""
        strips = self._table.take(y[1], 0, mode="clip")
        strips -= self._table.take(y[0], 0, mode="clip")
        sums: Table = strips.take(x[1], 1, mode="clip")
        sums -= strips.take(x[0], 1, mode="clip")
        return sums

    def _boxes(self, y: Edges, x: Edges) -> Table:
        """(n, s, s) sums over the windows of n boxes, (n, s) of them along each axis."""
        sums = self._at(y[1], x[1])
        sums -= self._at(y[1], x[0])
        sums -= self._at(y[0], x[1])
        sums += self._at(y[0], x[0])
        return sums

    def _at(self, y: Int64, x: Int64) -> Table:
        """Table entries at the crossings of rows (n, s) and columns (n, s)."""
        index = y[:, :, None] * self._table.shape[1] + x[:, None, :]
        found: Table = self._table.ravel().take(index, mode="clip")
        return found


def summed_area_table(pixels: npt.NDArray[np.uint8]) -> Table:
    """Sum (h, w, 3) uint8 over all rectangles from the origin: (h + 1, w + 1) int64."""
    height, width = pixels.shape[:2]
    table = np.zeros((height + 1, width + 1), np.int64)
    for block in _blocks(height, BLOCK_ROWS):
        packed = pixels[block, :, 0].astype(np.int64)
        for colour in (1, 2):
            packed |= pixels[block, :, colour].astype(np.int64) << BITS * colour
        rows = table[1:, 1:][block]
        np.cumsum(packed, axis=1, out=rows)
        for y in range(len(rows)):
            rows[y] += table[block.start + y, 1:]
    return table


def _colours(
    sums: Callable[[Edges, Edges], Table], y: Edges, x: Edges
) -> list[npt.NDArray[np.floating]]:
    """The three colours' sums over windows; those too large for ``BITS`` from parts of them."""
    high, wide = ((end - start).max() for start, end in (y, x))
    if high * wide <= MOST_PIXELS:
        packed = sums(y, x)
        fields = packed, packed >> BITS, packed >> 2 * BITS
        return [(field & 2**BITS - 1).astype(np.float32) for field in fields]
    if high > wide:
        middle = (y[0] + y[1]) // 2
        halves = ((y[0], middle), x), ((middle, y[1]), x)
    else:
        middle = (x[0] + x[1]) // 2
        halves = (y, (x[0], middle)), (y, (middle, x[1]))
    parts = zip(*(_colours(sums, *half) for half in halves), strict=True)
    return [np.add(one, other, dtype=np.float64) for one, other in parts]


def _fill(out: Float32, share: Float32, colours: list[npt.NDArray[np.floating]]) -> None:
    """Write the means of three colours, ``share`` of their sums, to ``out`` (..., 3)."""
    for colour, sums in enumerate(colours):
        np.multiply(sums, share, out=out[..., colour], casting="same_kind")


def _blocks(length: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover ``length``."""
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


def _share(edges: Edges) -> Float32:
    """One over the lengths of windows."""
    return np.float32(1) / (edges[1] - edges[0]).astype(np.float32)


def _windows(length: int | Int64, count: int) -> Edges:
    """Start and end of the pooling windows: (count,), or (n, count) for lengths (n, 1)."""
    i = np.arange(count)
    return i * length // count, -(-(i + 1) * length // count)


def _inside(low: Float32, high: Float32, limit: int) -> tuple[Int64, Int64]:
    """Whole pixels of a side, cut off at the photo's edges, at least one pixel long."""
    start = np.clip(np.trunc(low).astype(np.int64) - 1, 0, limit - 1)
    return start, np.clip(np.trunc(high).astype(np.int64), start + 1, limit)
