"""Bytes -> an image whose header was read and which fits into memory; nothing is decoded yet.

Pillow's own ``Image.open`` has one limit for all formats, in pixels and for the whole process.
Here each format has the limit that its decoder needs: a JPEG of 200 megapixels is decoded at an
eighth of its size and takes less memory than a PNG of 50.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any

from PIL import Image, ImageFile

from grouping.errors import DecodeError
from grouping.faces.file_formats.decoding_need import JPEG_FORMATS, MODE_BYTES
from grouping.faces.file_formats.jpeg_structure import MAX_PIXELS as MAX_JPEG_PIXELS
from grouping.faces.file_formats.jpeg_structure import check_jpeg
from grouping.faces.file_formats.jpeg_xl import JpegXlImageFile, is_jpeg_xl
from grouping.faces.file_formats.tiff_structure import most_parts
from grouping.faces.time_limit import TimedBytes

# In the order tried: TGA last, which has no signature and takes other files for its own.
FORMATS = (
    *("JPEG", "MPO", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "GIF", "BMP", "DIB"),
    *("JPEG2000", "PPM", "ICO", "PCX", "SGI", "SUN", "TGA"),
)
MAX_DECODED_BYTES = 640 * 2**20
# What one pixel takes while it is decoded. Formats that are not listed go by MAX_PIXELS, since
# their decoders hold several pictures at once.
PIXEL_BYTES = {"HEIF": 3, **dict.fromkeys(("PNG", "TIFF", "BMP", "DIB", "PPM", "TGA", "SGI"), 4)}
MAX_PIXELS = 1024 * 1024 * 1024 // 4 // 3  # Pillow's own limit, 89 megapixels
MAX_ICON_SIDE = 2048  # a bitmap of 1024 has its mask below it
MOST_ICONS = 256
MOST_PARTS = 250_000  # of one picture: strips of a row each, or tiles of 20 pixels a side
PNG_START = b"\x89PNG\r\n\x1a\n"
SIGNED = frozenset({"JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "GIF", "JPEG2000", "JXL"})
# Raised by plugins on what is not of their format after all.
NOT_THIS_FORMAT = (SyntaxError, IndexError, TypeError, struct.error)


def open_image(data: bytes) -> Image.Image:
    """Read the header only, and refuse what is too large before anything is allocated.

    Raises:
        DecodeError: not an image of a known format, or one that takes too much memory.
    """
    if not data:
        raise DecodeError("the file is empty")
    image = _opened(data)
    _check_size(image)
    return image


def max_pixels(format: str | None, mode: str) -> float:
    """How many pixels an image may have.

    Args:
        format: of the file; None for pixels in memory.
        mode: Pillow's, of its pixels.
    """
    if format in JPEG_FORMATS:
        return MAX_JPEG_PIXELS
    if format not in PIXEL_BYTES:
        return MAX_PIXELS
    return MAX_DECODED_BYTES / min(PIXEL_BYTES[format], MODE_BYTES.get(mode, 4))


def too_large(width: int, height: int, limit: float) -> DecodeError:
    """The one error for an image of too many pixels."""
    return DecodeError(
        f"{width}x{height} px exceeds the limit of {limit / 1e6:.0f} megapixels; "
        "reduce the photo first"
    )


def _opened(data: bytes) -> Image.Image:
    reason = ""
    for name, (factory, accept) in _openers().items():
        try:
            accepted = accept is None or accept(data[:16])
            if isinstance(accepted, str) or not accepted:  # text says what is missing for it
                continue
            CHECKS.get(name, _no_check)(data)
            image: Image.Image = factory(TimedBytes(data), "")
        except NOT_THIS_FORMAT as error:
            # What begins as this format and is none is damaged; the first to say so knows best.
            reason = reason or (f" ({error})" if name in SIGNED and str(error) else "")
            continue
        return image
    raise DecodeError(f"not an image of a known format, or damaged at its start{reason}")


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    limit = max_pixels(image.format, image.mode)
    if width * height > limit:
        raise too_large(width, height, limit)
    # Of a BigTIFF, whose directory is not read before.
    _check_parts(len(getattr(image, "tile", ())))


def _check_icon(data: bytes) -> None:
    """An icon's directory says at most 256 pixels; what it points to may be of any size."""
    count = min(MOST_ICONS, int.from_bytes(data[4:6], "little"))
    for entry in range(6, 6 + 16 * count, 16):
        start = int.from_bytes(data[entry + 12 : entry + 16], "little")
        head = data[start : start + 24].ljust(24, b"\0")
        is_png = head.startswith(PNG_START)
        layout, sides = (">II", head[16:]) if is_png else ("<ii", head[4:12])
        width, height = struct.unpack(layout, sides)
        if max(abs(width), abs(height)) > MAX_ICON_SIDE:
            raise DecodeError(f"an icon that holds {width}x{height} px; extract that image first")
    if int.from_bytes(data[4:6], "little") > MOST_ICONS:
        raise DecodeError(f"an icon of more than {MOST_ICONS} images")


def _check_tiff(data: bytes) -> None:
    """Pillow makes an object of each strip or tile listed, as many as there may be."""
    _check_parts(most_parts(data))


def _check_parts(count: int) -> None:
    if count > MOST_PARTS:
        raise DecodeError(f"an image of {count} parts; save it again first")


def _no_check(data: bytes) -> None:
    """Most formats say in their headers all that is to be known."""


# What is looked at before a plugin of Pillow's, which may decode already.
CHECKS = {"JPEG": check_jpeg, "ICO": _check_icon, "TIFF": _check_tiff}


@lru_cache(maxsize=1)
def _openers() -> dict[str, tuple[Any, Any]]:
    """Load Pillow's plugins once, HEIF among them; those this build of Pillow has, in order."""
    import pillow_heif

    Image.init()
    pillow_heif.register_heif_opener()
    known: dict[str, tuple[Any, Any]] = {n: Image.OPEN[n] for n in FORMATS if n in Image.OPEN}
    return {"JXL": (_jpeg_xl, is_jpeg_xl), **known}


def _jpeg_xl(file: TimedBytes, name: str) -> ImageFile.ImageFile:
    return JpegXlImageFile(file, name)
