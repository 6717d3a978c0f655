"""A perceptual hash of a photo, by which pictures saved again are known."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy.fft import dctn

HASH_BYTES = 32
HASH_SIDE = 16  # lowest frequencies along each axis; 256 with the mean
SAMPLED_SIDE = 4 * HASH_SIDE  # px, of the grey picture they are taken from
BANDS = 16  # of 16 bits each


def picture_hash(image: Image.Image) -> bytes:
    """Perceptual hash of a picture: 32 bytes.

    The signs of the lowest DCT frequencies about their median, as in pHash (Zauner 2010,
    "Implementation and Benchmarking of Perceptual Image Hash Functions"), from the grey picture
    squeezed to a square. The mean grey is left out, so that a brighter copy has the same hash.

    Args:
        image: of any mode and size, upright.
    """
    size = (SAMPLED_SIDE, SAMPLED_SIDE)
    grey = np.asarray(image.convert("L").resize(size, Image.Resampling.BOX), np.float64)
    low = dctn(grey, norm="ortho")[:HASH_SIDE, :HASH_SIDE].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False
    # Neighbouring frequencies go to different bands: what changes together is spread.
    return np.packbits(bits.reshape(HASH_BYTES * 8 // BANDS, BANDS).T).tobytes()
