"""One photo at every scale, area-averaged exactly, from one summed-area table.

A summed-area table (Crow 1984, doi:10.1145/800031.808600) gives the sum over any rectangle from
four look-ups, so that pyramid levels and candidate crops of any size cost no more than the
pixels they come out with. The windows are those of adaptive average pooling: output ``i`` of
``n`` over ``m`` pixels averages ``floor(i m / n)`` up to ``ceil((i + 1) m / n)``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from grouping.records import Float32, Int64

# The table is uint32 and may wrap around: a difference is right as long as the sum over one
# window stays below 2^32, that is 16.8 million white pixels.
Table = npt.NDArray[np.uint32]

# Worked on at once: few enough to stay in the processor's cache.
BLOCK_ROWS = 32
BLOCK_CROPS = 64

BITS = 21  # of a uint64 for the running sum of one colour along a row: rows up to 8,224 px


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
        level = np.zeros((rows, columns * 3), np.float32)
        left, right = _windows(self.size[0], width)
        top, bottom = _windows(self.size[1], height)
        share_x = np.repeat(_reciprocal(right - left), 3)
        share_y = _reciprocal(bottom - top)
        left, right = (np.ravel(x[:, None] * 3 + np.arange(3)) for x in (left, right))
        table = self._table.reshape(len(self._table), -1)
        for block in _blocks(height, BLOCK_ROWS):
            sums = table.take(bottom[block], 0, mode="clip")
            sums -= table.take(top[block], 0, mode="clip")
            values = level[block, : width * 3]
            values[...] = sums.take(right, 1, mode="clip") - sums.take(left, 1, mode="clip")
            values *= share_x
            values *= share_y[block, None]
        return level.reshape(rows, columns, 3)

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
        share_x = np.repeat(_reciprocal(right - left), 3, axis=1)
        share_y = _reciprocal(bottom - top)
        crops = np.empty((len(boxes), side, side * 3), np.float32)
        for block in _blocks(len(boxes), BLOCK_CROPS):
            x, y = (left[block], right[block]), (top[block], bottom[block])
            sums = self._at(y[1], x[1])
            sums -= self._at(y[1], x[0])
            sums -= self._at(y[0], x[1])
            sums += self._at(y[0], x[0])
            values = crops[block]
            values[...] = sums.reshape(values.shape)
            values *= share_x[block, None]
            values *= share_y[block, :, None]
        return crops.reshape(-1, side, side, 3)

    def _at(self, y: Int64, x: Int64) -> Table:
        """Table entries at the crossings of rows (n, s) and columns (n, s)."""
        flat = self._table.reshape(-1, 3)
        index = y[:, :, None] * self._table.shape[1] + x[:, None, :]
        found: Table = flat.take(index, 0, mode="clip")
        return found


def summed_area_table(pixels: npt.NDArray[np.uint8]) -> Table:
    """Sum (h, w, 3) uint8 over all rectangles from the origin: (h + 1, w + 1, 3) uint32.

    The three colours of a pixel share one uint64 while a row is summed, and rows are added as
    a whole: three times as fast as two cumulative sums.
    """
    height, width = pixels.shape[:2]
    table = np.zeros((height + 1, width + 1, 3), np.uint32)
    for block in _blocks(height, BLOCK_ROWS):
        rows = table[1:, 1:][block]
        _running_sums(pixels[block], rows)
        for y in range(len(rows)):
            rows[y] += table[block.start + y, 1:]
    return table


def _running_sums(pixels: npt.NDArray[np.uint8], sums: Table) -> None:
    """Fill ``sums`` (h, w, 3) with the sums along the rows of ``pixels``."""
    if pixels.shape[1] * 255 >= 2**BITS:
        np.cumsum(pixels, axis=1, dtype=np.uint32, out=sums)
        return
    packed = pixels[..., 0].astype(np.uint64)
    for colour in (1, 2):
        packed |= pixels[..., colour].astype(np.uint64) << np.uint64(BITS * colour)
    np.cumsum(packed, axis=1, out=packed)
    mask = np.uint64(2**BITS - 1)
    for colour in range(3):
        sums[..., colour] = (packed >> np.uint64(BITS * colour)) & mask


def _blocks(length: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover ``length``."""
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


def _reciprocal(counts: Int64) -> Float32:
    return np.float32(1) / counts.astype(np.float32)


def _windows(length: int | Int64, count: int) -> tuple[Int64, Int64]:
    """Start and end of the pooling windows: (count,), or (n, count) for lengths (n, 1)."""
    i = np.arange(count)
    return i * length // count, -(-(i + 1) * length // count)


def _inside(low: Float32, high: Float32, limit: int) -> tuple[Int64, Int64]:
    """Whole pixels of a side, cut off at the photo's edges, at least one pixel long."""
    start = np.clip(np.trunc(low).astype(np.int64) - 1, 0, limit - 1)
    return start, np.clip(np.trunc(high).astype(np.int64), start + 1, limit)
