"""One photo at every scale, area-averaged exactly, from one summed-area table.

A summed-area table (Crow 1984, doi:10.1145/800031.808600) gives the sum over any rectangle from
four look-ups, so that pyramid levels and candidate crops of any size cost no more than the
pixels they come out with. The windows are those of adaptive average pooling: output ``i`` of
``n`` over ``m`` pixels averages ``floor(i m / n)`` up to ``ceil((i + 1) m / n)``.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL import Image

from grouping.records import Float32, Int64

# The table is uint32 and may wrap around: a difference is right as long as the sum over one
# window stays below 2^32, that is 16.8 million white pixels.
Table = npt.NDArray[np.uint32]

BITS = 21  # of a uint64 for the running sum of one colour along a row: rows up to 8,224 px


class Pyramid:
    """The summed-area table of one photo, and what is cut from it.

    Attributes:
        size: (width, height) in pixels.
    """

    def __init__(self, image: Image.Image) -> None:
        self.size = image.size
        self._table = summed_area_table(np.asarray(image))

    def level(self, width: int, height: int) -> Float32:
        """Return the whole photo area-averaged to (height, width, 3) float32, 0..255."""
        x1, x2 = _windows(self.size[0], width)
        y1, y2 = _windows(self.size[1], height)
        rows = self._table[y2] - self._table[y1]
        sums = rows.take(x2, axis=1) - rows.take(x1, axis=1)
        areas = (y2 - y1)[:, None] * (x2 - x1)
        return np.divide(sums, areas[:, :, None], dtype=np.float32, casting="unsafe")

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
        sums = self._at(bottom, right) + self._at(top, left)
        sums -= self._at(bottom, left) + self._at(top, right)
        areas = (bottom - top)[:, :, None] * (right - left)[:, None, :]
        crops: Float32 = np.divide(sums, areas[..., None], dtype=np.float32, casting="unsafe")
        return crops

    def _at(self, y: Int64, x: Int64) -> Table:
        """Table entries at the crossings of rows (n, s) and columns (n, s)."""
        flat = self._table.reshape(-1, 3)
        index = y[:, :, None] * self._table.shape[1] + x[:, None, :]
        found: Table = flat.take(index, axis=0)
        return found


def summed_area_table(pixels: npt.NDArray[np.uint8]) -> Table:
    """Sum (h, w, 3) uint8 over all rectangles from the origin: (h + 1, w + 1, 3) uint32.

    The three colours of a pixel share one uint64 while a row is summed, and rows are added as
    a whole: three times as fast as two cumulative sums.
    """
    height, width = pixels.shape[:2]
    table = np.zeros((height + 1, width + 1, 3), np.uint32)
    if width * 255 >= 2**BITS:
        np.cumsum(pixels, axis=1, dtype=np.uint32, out=table[1:, 1:])
    else:
        packed = pixels[..., 0].astype(np.uint64)
        for colour in (1, 2):
            packed |= pixels[..., colour].astype(np.uint64) << np.uint64(BITS * colour)
        np.cumsum(packed, axis=1, out=packed)
        mask = np.uint64(2**BITS - 1)
        for colour in range(3):
            table[1:, 1:, colour] = (packed >> np.uint64(BITS * colour)) & mask
    for above, row in pairwise(table):
        row += above
    return table


def _windows(length: int | Int64, count: int) -> tuple[Int64, Int64]:
    """Start and end of the pooling windows: (count,), or (n, count) for lengths (n, 1)."""
    i = np.arange(count)
    return i * length // count, -(-(i + 1) * length // count)


def _inside(low: Float32, high: Float32, limit: int) -> tuple[Int64, Int64]:
    """Whole pixels of a side, cut off at the photo's edges, at least one pixel long."""
    start = np.clip(np.trunc(low).astype(np.int64) - 1, 0, limit - 1)
    return start, np.clip(np.trunc(high).astype(np.int64), start + 1, limit)
