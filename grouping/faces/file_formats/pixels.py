"""Pixels of any kind -> 8-bit RGB; of large images a few rows after the other.

A photo of 100 megapixels is 400 MB once decoded, and each step that makes another picture of it
takes as much again. In bands, only the reduced picture is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from grouping.errors import DecodeError

CONVERTED_PIXELS = 1 << 20  # at a time: steps between the image and RGB hold no more of it
PAPER = (255, 255, 255)  # what shows through transparent pixels
BAND_ROWS = 64  # of the reduced image
Rows = Callable[[int, int], Image.Image]  # the rows from ... to before ... of an image


def to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB; transparency becomes white paper, deeper greys are scaled to 8 bits."""
    if image.mode == "RGB":
        return image
    white = _white(image) if image.mode in ("I", "F") else 65535.0
    rgb = Image.new("RGB", image.size)
    for band in _bands(image.size):
        rgb.paste(_band_to_rgb(image.crop(band), white), band[:2])
    return rgb


def _bands(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of a few rows each that cover an image of this size."""
    rows = max(1, CONVERTED_PIXELS // max(1, size[0]))
    for top in range(0, size[1], rows):
        yield 0, top, size[0], min(size[1], top + rows)


def _white(image: Image.Image) -> float:
    """The value of white in an image of mode I or F, which do not say it: 8 bits or 16."""
    most = (np.nan_to_num(np.asarray(image.crop(band), np.float32)) for band in _bands(image.size))
    return 65535.0 if any(values.max(initial=0) > 255 for values in most) else 255.0


def _band_to_rgb(image: Image.Image, white: float) -> Image.Image:
    """See :func:`to_rgb`; ``white``: of a deeper grey."""
    if image.mode in ("L", "CMYK", "YCbCr", "HSV", "1", "LAB"):
        return _convert_lab(image) if image.mode == "LAB" else image.convert("RGB")
    if image.mode.startswith("I;16"):
        return _scaled_grey(np.asarray(image, dtype=np.float32), white)
    if image.mode in ("I", "F"):
        return _scaled_grey(np.nan_to_num(np.asarray(image, dtype=np.float32)), white)
    rgba = image.convert("RGBA")
    paper = Image.new("RGBA", rgba.size, (*PAPER, 255))
    return Image.alpha_composite(paper, rgba).convert("RGB")


def _convert_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise DecodeError("the image is damaged: its Lab colours cannot be converted")
    return converted


def _scaled_grey(values: np.ndarray, white: float) -> Image.Image:
    """Make RGB of grey values (h, w) float32; ``white`` and above become white."""
    grey = np.clip(values * (255.0 / white), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def reduced_image(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """RGB of a decoded image, reduced by area averaging to ``size``."""
    return _in_bands(lambda top, end: image.crop((0, top, image.width, end)), image.size, size)


def reduced_heif(data: bytes, size: tuple[int, int]) -> Image.Image:
    """RGB of a HEIF file, reduced to ``size`` from the decoder's own pixels."""
    import pillow_heif

    whole = pillow_heif.open_heif(data, convert_hdr_to_8bit=True, bgr_mode=False)
    frame = whole[whole.primary_index]
    pixels: Any = np.asarray(frame)  # a view

    def rows(top: int, end: int) -> Image.Image:
        return Image.fromarray(pixels[top:end, : frame.size[0]])

    return _in_bands(rows, frame.size, size)


def _in_bands(rows: Rows, whole: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    reduced, (width, height) = Image.new("RGB", size), whole
    step = height / size[1]
    for row in range(0, size[1], BAND_ROWS):
        count = min(BAND_ROWS, size[1] - row)
        top = max(0, math.floor(row * step) - 1)
        end = min(height, math.ceil((row + count) * step) + 1)
        box = (0, row * step - top, width, min((row + count) * step, height) - top)
        band = to_rgb(rows(top, end)).resize((size[0], count), Image.Resampling.BOX, box)
        reduced.paste(band, (0, row))
    return reduced
