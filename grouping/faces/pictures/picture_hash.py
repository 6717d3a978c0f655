"""Perceptual hash of a photo, by which photos of one picture are found.

The hash of a picture that is saved again, made smaller or toned differs in few of its 256 bits;
those of two pictures differ in about half of them. Who compares hashes:
:mod:`grouping.people.copies`.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from grouping.records import Float64

HASH_BYTES = 32
HASH_SIDE = 16  # lowest frequencies along each axis
SAMPLED_SIDE = 4 * HASH_SIDE  # px, of the small grey picture they are taken from


def picture_hash(image: Image.Image) -> bytes:
    """Return 32 bytes: which of the lowest DCT frequencies are above their median.

    As in pHash (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash
    Functions"), of the grey picture squeezed to a square. The mean grey is left out, so that a
    brighter copy has the same hash.

    Args:
        image: upright, of any mode and size.
    """
    grey = image.convert("L").resize((SAMPLED_SIDE, SAMPLED_SIDE), Image.Resampling.BOX)
    low = (_COSINES @ np.asarray(grey, np.float64) @ _COSINES.T).ravel()
    bits = low > np.median(low[1:])
    bits[0] = False
    # A byte holds frequencies from all over the picture: neighbours change together.
    return np.packbits(bits.reshape(8, HASH_BYTES).T).tobytes()


def _cosines() -> Float64:
    """Return (16, 64) float64, the lowest frequencies of the orthonormal DCT-II."""
    middles = np.arange(SAMPLED_SIDE) + 0.5
    table = np.cos(np.pi * np.outer(np.arange(HASH_SIDE), middles) / SAMPLED_SIDE)
    table[0] /= np.sqrt(2)
    return np.asarray(table * np.sqrt(2 / SAMPLED_SIDE), np.float64)


_COSINES = _cosines()
