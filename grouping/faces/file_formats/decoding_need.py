"""How much memory decoding an image will take, from its header: measured, and rounded up.

``python -m tests.benchmarks worst_files`` measures it again, for every format, beside what
is said here.
"""

from __future__ import annotations

import math

from PIL import Image

from grouping.faces.file_formats.jpeg_structure import COEFFICIENT_BYTES, jpeg_structure
from grouping.faces.file_formats.pixels import BAND_ROWS

JPEG_FORMATS = ("JPEG", "MPO")
RGB_BYTES = 4  # of a pixel in Pillow
MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # of Pillow, else 4
# Bytes a pixel: all that a decoder takes at its highest, and what it keeps beside the picture.
# Formats that are not listed are decoded into the picture, row by row.
DECODERS = {
    "WEBP": (17, 8.5),
    "AVIF": (13, 5),
    "HEIF": (7.6, 3.6),
    "JPEG2000": (26, 5),
    "GIF": (7, 1),
    "ICO": (24, 8),
}
LARGE_HEIF = {"RGB": 4.6}  # else LARGE_CLEAR_HEIF: it is reduced from the decoder's own pixels
LARGE_CLEAR_HEIF = 6.3
JPEG_XL = {1: 16, 2: 20, 4: 30}  # by bytes of a sample
UPRIGHT = ("HEIF", "AVIF", "JXL")  # their decoders turn them
BAND_BYTES = 24  # a pixel of the rows that are reduced at a time
STEPS = 3 * 2**23  # rows converted at a time, tables of the decoders


def decoding_need(image: Image.Image, data: bytes, size: tuple[int, int], *, in_bands: bool) -> int:
    """Bytes that decoding takes at its highest, the result among them and the file not.

    Args:
        image: not loaded yet; of a JPEG, told at which scale it will be.
        data: its file.
        size: of the result.
        in_bands: whether it is reduced a few rows after the other.
    """
    stored = MODE_BYTES.get(image.mode, 4)
    highest, beside = _decoder(image, data, stored, in_bands=in_bands)
    width, height = image.size
    if in_bands:
        band = (BAND_ROWS * height / max(1, size[1]) + 2) * width * BAND_BYTES
        after = width * height * (beside + stored) + band + 2 * RGB_BYTES * math.prod(size)
    else:
        rgb = 0 if image.mode == "RGB" else RGB_BYTES
        turned = 0 if image.format in UPRIGHT else stored
        reduced = 0 if size == image.size else RGB_BYTES * size[0] * (height + size[1])
        after = width * height * (beside + stored + rgb + turned) + reduced
    coefficients = _coefficient_bytes(data) if image.format in JPEG_FORMATS else 0
    return math.ceil(max(width * height * highest + coefficients, after)) + STEPS


def _decoder(
    image: Image.Image, data: bytes, stored: int, *, in_bands: bool
) -> tuple[float, float]:
    """Bytes a pixel that the decoder takes at its highest, and keeps beside the picture."""
    if image.format == "JXL":
        from grouping.faces.file_formats.jpeg_xl import jpeg_xl_sample_bytes

        return JPEG_XL[jpeg_xl_sample_bytes(data)], 0
    if image.format == "HEIF" and in_bands:
        highest = LARGE_HEIF.get(image.mode, LARGE_CLEAR_HEIF)
        return highest, highest - stored
    return DECODERS.get(image.format or "", (stored, 0))


def _coefficient_bytes(data: bytes) -> int:
    """Of a progressive JPEG, whose coefficients are in memory all at once."""
    found = jpeg_structure(data)
    return found.samples * COEFFICIENT_BYTES if found.scans > 1 else 0
