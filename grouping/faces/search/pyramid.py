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

from grouping.faces.time_limit import check_time
from grouping.records import Float32, Int64

# The sums of the three colours share one integer, BITS apart, so that one addition and one look-up
# do for all three. It may wrap around, and one colour may run over into the next: a difference of
# sums is right all the same where each colour's sum over the window is below 2**BITS.
#
# An example with BITS = 4, so that green counts 16 and blue 256. Three pixels in a row, of (red,
# green, blue) = (9, 1, 0), (8, 2, 0), (3, 4, 1), are packed as 9 + 16 = 25, 8 + 32 = 40 and
# 3 + 64 + 256 = 323. The sums from the left are 0, 25, 65, 388; in 65 the red 9 + 8 = 17 has run
# over into green. The last two pixels have 388 - 25 = 363 = 11 + 6 * 16 + 1 * 256: red 8 + 3,
# green 2 + 4, blue 0 + 1. Each is below 16, so each is right.
Table = npt.NDArray[np.int64]
BITS = 21
MOST_PIXELS = (2**BITS - 1) // 255  # of a window, were it white; larger ones are summed in parts

# Replaces each row of (h, w) int64 by its cumulative sums, which may wrap around.
SumRows = Callable[[Table], None]

# Where the windows along one axis start and end: (count,) each, or (n, count) for n crops.
WindowEdges = tuple[Int64, Int64]

# Worked on at once: few enough to stay in the processor's cache.
BLOCK_ROWS = 32
BLOCK_CROPS = 64


class Pyramid:
    """The summed-area table of one photo, and what is cut from it.

    Attributes:
        size: (width, height) in pixels.
    """

    def __init__(self, image: Image.Image, sum_rows: SumRows | None = None) -> None:
        """Sum an image of mode RGB; ``sum_rows`` in the place of numpy's cumulative sum."""
        self.size = image.size
        # Pillow holds four bytes a pixel, and so does what can be packed without a detour.
        pixels = np.frombuffer(image.tobytes("raw", "RGBX"), np.uint8)
        self._table = summed_area_table(pixels.reshape(image.height, image.width, 4), sum_rows)

    def level(self, width: int, height: int, room: tuple[int, int] | None = None) -> Float32:
        """Return the whole photo area-averaged to (height, width, 3) float32, 0..255.

        Args:
            width, height: of the level in pixels.
            room: (rows, columns) to return, at least that many; what is beyond the level is 0.
        """
        rows, columns = room or (height, width)
        level = np.empty((rows, columns, 3), np.float32)
        level[height:], level[:height, width:] = 0, 0
        x, (top, bottom) = (_windows(n, m) for n, m in zip(self.size, (width, height), strict=True))
        for block in _blocks(height, BLOCK_ROWS):
            y = top[block], bottom[block]
            weight = _inverse_length(y)[:, None] * _inverse_length(x)
            _fill(level[block, :width], weight, _colours(self._crossings, y, x))
        return level

    def crops(self, boxes: Float32, side: int) -> Float32:
        """Return each box area-averaged to (n, side, side, 3) float32, 0..255.

        What is outside of the photo is black, as the cascade's authors have it. Most transcriptions
        squeeze what is left of a cut face into the square, and get its landmarks wrong.

        Args:
            boxes: (n, 4) float32 in pixels counted from one, as the cascade's authors count.
            side: pixels a side that come out.
        """
        x = _windows_along(boxes[:, 0], boxes[:, 2], side)
        y = _windows_along(boxes[:, 1], boxes[:, 3], side)
        crops = np.empty((len(boxes), side, side, 3), np.float32)
        for block in _blocks(len(boxes), BLOCK_CROPS):
            check_time()
            rows, columns = (y[0][block], y[1][block]), (x[0][block], x[1][block])
            weight = _inverse_length(rows)[:, :, None] * _inverse_length(columns)[:, None, :]
            inside = _inside(rows, self.size[1]), _inside(columns, self.size[0])
            _fill(crops[block], weight, _colours(self._boxes, *inside))
        return crops

    def _crossings(self, y: WindowEdges, x: WindowEdges) -> Table:
        """(h, w) sums over the windows where h rows of windows cross w columns of them."""
        strips = self._table.take(y[1], 0, mode="clip")
        strips -= self._table.take(y[0], 0, mode="clip")
        sums: Table = strips.take(x[1], 1, mode="clip")
        sums -= strips.take(x[0], 1, mode="clip")
        return sums

    def _boxes(self, y: WindowEdges, x: WindowEdges) -> Table:
        """(n, s, s) sums over the windows of n boxes, (n, s) of them along each axis."""
        sums = self._at(y[1], x[1])
        sums -= self._at(y[1], x[0])
        sums -= self._at(y[0], x[1])
        sums += self._at(y[0], x[0])
        return sums

    def _at(self, y: Int64, x: Int64) -> Table:
        """Look up (n, s, s) entries of the table where rows (n, s) cross columns (n, s)."""
        index = y[:, :, None] * self._table.shape[1] + x[:, None, :]
        found: Table = self._table.ravel().take(index, mode="clip")
        return found


def summed_area_table(pixels: npt.NDArray[np.uint8], sum_rows: SumRows | None = None) -> Table:
    """Sum the colours of (h, w, 4) uint8 RGBX over all rectangles from the origin.

    Returns (h + 1, w + 1) int64.
    """
    sum_rows = sum_rows or _sum_rows
    height, width = pixels.shape[:2]
    table = np.empty((height + 1, width + 1), np.int64)
    table[0], table[:, 0] = 0, 0
    room = np.empty((2, BLOCK_ROWS, width), np.int64)  # the same for all blocks: it stays in cache
    for block in _blocks(height, BLOCK_ROWS):
        packed = _packed(pixels[block], room)
        sum_rows(packed)
        for y, row in enumerate(packed, start=block.start):
            np.add(row, table[y, 1:], out=table[y + 1, 1:])
    return table


def _sum_rows(rows: Table) -> None:
    """See :data:`SumRows`."""
    np.cumsum(rows, axis=1, out=rows)


def _packed(pixels: npt.NDArray[np.uint8], room: Table) -> Table:
    """Pack the colours of (h, w, 4) uint8 RGBX ``BITS`` apart.

    Args:
        pixels: the memory of each row in one piece.
        room: (2, h or more, w) int64, written to.

    Returns:
        (h, w) int64, a part of the room.
    """
    packed: Table = room[0, : len(pixels)]
    green = room[1, : len(pixels)]
    green[:] = pixels.view("<u4")[..., 0]  # red counts 1, green 2**8, blue 2**16
    np.left_shift(green, 2 * BITS - 16, out=packed)
    packed |= green
    packed &= 0xFF | 0xFF << 2 * BITS  # red and blue
    green &= 0xFF00
    green <<= BITS - 8
    packed |= green
    return packed


def _colours(
    sums: Callable[[WindowEdges, WindowEdges], Table], y: WindowEdges, x: WindowEdges
) -> list[npt.NDArray[np.floating]]:
    """Sum the three colours over windows; those too large for ``BITS`` from parts of them.

    Args:
        sums: gives packed sums over the windows that these edges make.
        y, x: edges of the windows along both axes.

    Returns:
        Three arrays of the shape that ``sums`` gives, float32, or float64 from parts.
    """
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


def _fill(out: Float32, weight: Float32, colours: list[npt.NDArray[np.floating]]) -> None:
    """Write the means of three colours to ``out`` (..., 3) float32.

    Args:
        out: is written to.
        weight: (...) float32, one over the pixels of each window.
        colours: three arrays (...), the sums over each window.
    """
    for colour, sums in enumerate(colours):
        np.multiply(sums, weight, out=out[..., colour], casting="same_kind")


def _blocks(length: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover ``length``."""
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


def _inverse_length(edges: WindowEdges) -> Float32:
    """Return one over the length of each window, float32 of the shape of its edges."""
    return np.float32(1) / (edges[1] - edges[0]).astype(np.float32)


def _windows(length: int | Int64, count: int) -> WindowEdges:
    """Return start and end of the pooling windows: (count,), or (n, count) for lengths (n, 1)."""
    i = np.arange(count)
    return i * length // count, -(-(i + 1) * length // count)


def _windows_along(low: Float32, high: Float32, count: int) -> WindowEdges:
    """Return windows over sides (n,) counted from one: (n, count), wherever they lie.

    Each side is taken to be at least one pixel long.
    """
    start = np.trunc(low).astype(np.int64) - 1
    length = np.maximum(np.trunc(high).astype(np.int64) - start, 1)
    first, last = _windows(length[:, None], count)
    return start[:, None] + first, start[:, None] + last


def _inside(edges: WindowEdges, limit: int) -> WindowEdges:
    """Cut windows off at the photo's edges, 0 and ``limit``; one outside is empty."""
    return np.clip(edges[0], 0, limit), np.clip(edges[1], 0, limit)
