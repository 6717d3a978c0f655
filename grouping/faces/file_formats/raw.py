"""RAW files of cameras: the preview that the camera made, else a quick development.

Detection does not need what a RAW file holds beyond its preview, which is an ordinary JPEG of the
camera's own colours, in nearly all files at full size. It is found by LibRaw (rawpy), and where
LibRaw does not know the camera by looking for JPEGs within the file. Where there is none that is
large enough, LibRaw develops the sensor data at half the size.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from grouping.errors import DecodeError
from grouping.faces.file_formats.jpeg_structure import jpeg_structure
from grouping.faces.file_formats.tiff_structure import is_raw_tiff, tiff_orientation
from grouping.memory.allowance import DECODING

JPEG_START = b"\xff\xd8\xff"
LEAST_PREVIEW = 1000  # long side in pixels of a preview that is used instead of the sensor data
LEAST_JPEG = 2000  # bytes; what is smaller is no preview
MOST_JPEGS = 64  # within a file, that are looked at
MAX_SENSOR_PIXELS = 160e6
SENSOR_BYTES = 8  # a pixel, while it is developed at half the size
ORIENTATIONS = {3: 3, 5: 8, 6: 6}  # of LibRaw's ``flip``, by Exif number; all else is upright
STARTS = (
    *(b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM"),
    *(b"II*\0\x10\0\0\0CR",),
)


def is_raw(data: bytes) -> bool:
    """Whether these are the bytes of a RAW file: CR2, CR3, NEF, ARW, DNG, RAF, ORF, RW2, ..."""
    if data.startswith(STARTS) or data[6:14] == b"HEAPCCDR" or data[4:12] == b"ftypcrx ":
        return True
    return is_raw_tiff(data)


def raw_preview(data: bytes) -> tuple[bytes, int]:
    """The picture within a RAW file.

    Returns:
        The bytes of an image file (JPEG or PPM), and the Exif orientation that makes it upright.

    Raises:
        DecodeError: there is none that can be read.
    """
    import rawpy

    best, turned = _embedded_jpeg(data), tiff_orientation(data)
    reason = "no preview in it"
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            turned = ORIENTATIONS.get(raw.sizes.flip, 1)
            best = max(best, _thumbnail(raw), key=_long_side)
            if _long_side(best) < LEAST_PREVIEW:
                best = max(best, _developed(raw), key=_long_side)
    except rawpy.LibRawError as error:
        reason = _text(error)
    if not best:
        raise DecodeError(f"a RAW file that cannot be read: {reason}")
    return best, _own_orientation(best) or turned


def _thumbnail(raw: Any) -> bytes:
    """The preview that LibRaw finds; empty where there is none."""
    import rawpy

    try:
        found = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return b""
    return bytes(found.data) if found.format == rawpy.ThumbFormat.JPEG else _ppm(found.data)


def _developed(raw: Any) -> bytes:
    """The sensor data at half the size, as it lies in the file; empty where that is too large."""
    if raw.sizes.raw_width * raw.sizes.raw_height > MAX_SENSOR_PIXELS:
        return b""
    width, height = raw.sizes.raw_width, raw.sizes.raw_height
    with DECODING.taken(width * height * SENSOR_BYTES, f"a RAW file of {width}x{height} px"):
        pixels = raw.postprocess(half_size=True, use_camera_wb=True, user_flip=0, output_bps=8)
        return _ppm(pixels)


def _embedded_jpeg(data: bytes) -> bytes:
    """The largest JPEG among the first ones within a file, up to where it ends."""
    best, most, position = b"", 0, 0
    for _ in range(MOST_JPEGS):
        position = data.find(JPEG_START, position + 1)
        if position < 0:
            break
        try:
            found = jpeg_structure(data, position)
        except DecodeError:
            continue
        pixels = 0 if found.lossless else found.width * found.height
        if pixels > most and len(data) - position >= LEAST_JPEG:
            best, most = data[position:], pixels
    return best


def _long_side(picture: bytes) -> int:
    if picture.startswith(b"P6 "):
        return max(map(int, picture[:40].split()[1:3]))
    found = jpeg_structure(picture) if picture else None
    return 0 if found is None else max(found.width, found.height)


def _ppm(pixels: np.ndarray) -> bytes:
    """(h, w, 3) uint8 RGB as the bytes of a PPM file."""
    height, width = pixels.shape[:2]
    return b"P6 %d %d 255\n" % (width, height) + np.ascontiguousarray(pixels).tobytes()


def _own_orientation(picture: bytes) -> int:
    """What a preview says of itself; 0 where it says nothing."""
    try:
        with Image.open(io.BytesIO(picture), formats=["JPEG", "PPM"]) as image:
            value = image.getexif().get(ExifTags.Base.Orientation, 0)
    except (OSError, ValueError, SyntaxError, struct.error):
        return 0
    return value if isinstance(value, int) and 1 <= value <= 8 else 0


def _text(error: Exception) -> str:
    """The words of LibRaw, which come as bytes."""
    first = error.args[0] if error.args else error
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
