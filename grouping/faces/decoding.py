"""Bytes of a photo -> upright RGB pixels, at the scale that detection needs.

The header is read first; JPEG is then decoded at a reduced DCT scale where fewer pixels are
wanted, which saves most of the time of a 12-megapixel photo. Only raster formats that cameras,
phones and the web write are opened: formats that start other programs (PostScript) or draw
vectors are refused. A RAW file is read by its preview. What would take too much memory is refused
by its header, see :mod:`grouping.faces.file_formats.opening`.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from grouping.errors import DecodeError, MemoryLimitError, PhotoTimeError
from grouping.faces.file_formats.decoding_need import JPEG_FORMATS, decoding_need
from grouping.faces.file_formats.opening import (
    MAX_PIXELS,
    max_pixels,
    open_image,
    too_large,
)
from grouping.faces.file_formats.pixels import reduced_heif, reduced_image, to_rgb
from grouping.faces.file_formats.raw import is_raw, raw_preview
from grouping.faces.time_limit import check_time, some_limit
from grouping.memory.allowance import DECODING
from grouping.records import UInt8

MIN_SIDE = 1
FILE_COPIES = 2  # of a photo's file: where it was read, and where it is decoded
NO_MEMORY = "the machine had too little memory left to decode it; run with a smaller --memory"
JPEG_END = b"\xff\xd9"  # the marker "end of image"
LEAST_SALVAGED = 0.01  # share of a truncated photo that must have been decoded to be used

# Above it, a photo is reduced in bands before it is turned, so that it is not in memory twice.
LARGE_PIXELS = 50e6
MAX_USED_PIXELS = MAX_PIXELS  # more are never handed on, whatever side is wanted

# Everything that Pillow's decoders were seen to raise on damaged files.
DECODER_ERRORS = (
    *(OSError, ValueError, SyntaxError, TypeError, IndexError, KeyError, EOFError),
    *(AttributeError, OverflowError, MemoryError, NotImplementedError, RuntimeError),
    *(struct.error, zlib.error, UnidentifiedImageError, Image.DecompressionBombError),
)


@dataclass(frozen=True, eq=False)
class DecodedPhoto:
    """An upright photo, perhaps smaller than its file.

    Attributes:
        image: RGB, 8 bits a channel.
        width, height: pixels of the upright photo at full size.
        warnings: one-line remarks.
    """

    image: Image.Image
    width: int
    height: int
    warnings: tuple[str, ...] = ()

    @property
    def pixels(self) -> UInt8:
        """(h, w, 3) uint8 RGB."""
        return np.asarray(self.image)

    @property
    def scale(self) -> float:
        """Decoded pixels for each full-size pixel, along the long side."""
        return max(self.image.size) / max(self.width, self.height)


def decode_photo(data: bytes, max_side: int | None = None) -> DecodedPhoto:
    """Decode the first frame of a photo, upright.

    Args:
        data: the bytes of the file.
        max_side: the long side wanted, in pixels; a larger photo is decoded at the smallest
            scale its format offers that is not below, then reduced by area averaging. None
            decodes all there is, up to 89 megapixels.

    Raises:
        DecodeError: the bytes are not an image of a known format, are damaged beyond use, or
            would take too much time or memory.
        MemoryLimitError: they would take more memory than the run may.
        PhotoTimeError: decoding it took too long.
    """
    with _damage_reported():
        if is_raw(data):
            preview, orientation = raw_preview(data)
            return _decode(preview, max_side, orientation)
        return _decode(data, max_side)


@contextmanager
def _damage_reported() -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes into one DecodeError; not without end."""
    try:
        with some_limit():
            yield
            check_time()
    except DecodeError:
        raise
    except UnidentifiedImageError:
        raise DecodeError("not an image of a known format, or damaged at its start") from None
    except MemoryError:
        raise MemoryLimitError(NO_MEMORY) from None
    except Image.DecompressionBombError:
        raise DecodeError("the image is larger within than its header says") from None
    except SystemError as error:  # what a reading C decoder (JPEG 2000) makes of an error of ours
        if isinstance(error.__cause__, PhotoTimeError):
            raise error.__cause__ from None
        raise DecodeError("the image is damaged: its decoder failed") from error
    except DECODER_ERRORS as error:
        raise DecodeError(f"the image is damaged: {error or type(error).__name__}") from error


def photo_size(data: bytes) -> tuple[int, int]:
    """Width and height from the header, as stored; orientation is not looked at.

    Raises:
        DecodeError: as :func:`decode_photo`.
    """
    with _damage_reported():
        return open_image(raw_preview(data)[0] if is_raw(data) else data).size


def opened_photo(data: bytes) -> Image.Image:
    """Return a photo of which no more than the header is read, as it is stored: not turned upright.

    Raises:
        DecodeError: as :func:`decode_photo`.
    """
    with _damage_reported():
        return open_image(data)


def stored_orientation(data: bytes) -> int:
    """Exif orientation 1..8 of a photo's bytes; 1 where there is none or it cannot be read."""
    try:
        return raw_preview(data)[1] if is_raw(data) else orientation_of(open_image(data))
    except (DecodeError, *DECODER_ERRORS):
        return 1


def decoded_from_array(pixels: UInt8) -> DecodedPhoto:
    """Wrap (h, w, 3) uint8 RGB pixels that need no decoding."""
    height, width = pixels.shape[:2]
    return DecodedPhoto(Image.fromarray(pixels), width, height)


def upright_pixels(image: Image.Image) -> UInt8:
    """Return (h, w, 3) uint8 RGB of a Pillow image, as if its file had been decoded.

    The image itself is not changed.

    Raises:
        DecodeError: as :func:`decode_photo`.
    """
    with _damage_reported():
        if image.width * image.height > MAX_PIXELS:
            raise too_large(image.width, image.height, MAX_PIXELS)
        return np.asarray(to_rgb(_upright(image, orientation_of(image))))


def reduce_to(photo: DecodedPhoto, max_side: int) -> DecodedPhoto:
    """Reduce by area averaging so that the long side is at most ``max_side`` pixels."""
    size = fitted_size(photo.image.size, max_side)
    if size == photo.image.size:
        return photo
    image = photo.image.resize(size, Image.Resampling.BOX, reducing_gap=None)
    return DecodedPhoto(image, photo.width, photo.height, photo.warnings)


def _decode(data: bytes, max_side: int | None, orientation: int | None = None) -> DecodedPhoto:
    """See :func:`decode_photo`; ``orientation`` where the file itself does not say it."""
    image = open_image(data)
    whole = image.size
    max_side = _affordable(image.size, max_side)
    _draft(image, max_side)
    in_bands = image.width * image.height > LARGE_PIXELS
    size = fitted_size(image.size, max_side or max(image.size))
    needed = decoding_need(image, data, size, in_bands=in_bands) + FILE_COPIES * len(data)
    with DECODING.taken(needed, f"{whole[0]}x{whole[1]} px"):
        return _decoded(image, data, whole, max_side, orientation)


def _decoded(
    image: Image.Image,
    data: bytes,
    whole: tuple[int, int],
    max_side: int | None,
    orientation: int | None,
) -> DecodedPhoto:
    """See :func:`_decode`; the header of ``whole`` pixels is read, there is memory for the rest."""
    width, height = whole
    # Of a JPEG this is the size that it will be decoded to.
    large = (max_side or max(image.size)) if image.width * image.height > LARGE_PIXELS else None
    notes: tuple[str, ...] = ()
    if not (large and image.format == "HEIF"):
        image, notes = _loaded(image, data, max_side)
        if image.format not in JPEG_FORMATS:
            width, height = image.size  # headers may say something else than what is decoded
    if orientation is None:
        orientation = orientation_of(image)  # once loaded: Pillow turns some TIFF files itself
    if large:
        size = fitted_size(image.size, large)
        image = reduced_heif(data, size) if image.format == "HEIF" else reduced_image(image, size)
    image = to_rgb(_upright(image, orientation))
    if orientation >= 5:
        width, height = height, width
    photo = DecodedPhoto(image, width, height, notes)
    return reduce_to(photo, max_side) if max_side else photo


def _loaded(
    image: Image.Image, data: bytes, max_side: int | None
) -> tuple[Image.Image, tuple[str, ...]]:
    """Decode all of an image, or what there is of it; with remarks."""
    try:
        image.load()
    except OSError as error:
        if "truncated" not in str(error):
            raise
        salvaged = _salvaged(image, data, max_side)
        return salvaged, ("the file is truncated; used as far as it goes",)
    return image, ()


def _affordable(size: tuple[int, int], max_side: int | None) -> int | None:
    """The long side wanted, or less where that would be too many pixels."""
    pixels = size[0] * size[1]
    if pixels <= MAX_USED_PIXELS:
        return max_side
    most = math.floor(max(size) * math.sqrt(MAX_USED_PIXELS / pixels))
    return min(most, max_side or most)


def _draft(image: Image.Image, max_side: int | None) -> None:
    """Tell a JPEG that is not read yet which reduced DCT scale will do."""
    if max_side and image.format in JPEG_FORMATS:
        most = max_pixels("PNG", image.mode)  # of a picture in memory
        steps = (2**power for power in range(8))
        step = next(step for step in steps if image.width * image.height / step**2 <= most)
        width, height = fitted_size(image.size, max_side)
        image.draft(None, (min(width, image.width // step), min(height, image.height // step)))


def _salvaged(image: Image.Image, data: bytes, max_side: int | None) -> Image.Image:
    """What could be decoded of a truncated file."""
    if image.format in JPEG_FORMATS:
        image = open_image(data + JPEG_END)  # with an end, libjpeg gives all it has
        _draft(image, max_side)
        image.load()
    elif isinstance(image, ImageFile.ImageFile) and image._im is not None:
        image.tile = []  # what was decoded so far is in place; nothing is left to read
        image.load()
    # What was not decoded has one colour; libjpeg makes up a first block even from nothing.
    if max(image.convert("L").histogram()) >= (1 - LEAST_SALVAGED) * image.width * image.height:
        raise DecodeError("the image is truncated before anything can be seen in it")
    return image


def orientation_of(image: Image.Image) -> int:
    """Return the Exif orientation, 1..8; what cannot be read or is out of range is upright."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except DECODER_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    transpose = Image.Transpose
    steps = {
        2: (transpose.FLIP_LEFT_RIGHT,),
        3: (transpose.ROTATE_180,),
        4: (transpose.FLIP_TOP_BOTTOM,),
        5: (transpose.TRANSPOSE,),
        6: (transpose.ROTATE_270,),
        7: (transpose.TRANSVERSE,),
        8: (transpose.ROTATE_90,),
    }
    for step in steps.get(orientation, ()):
        image = image.transpose(step)
    return image


def fitted_size(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Shrink (never grow) a size so that its long side is at most ``max_side``."""
    share = min(1.0, max_side / max(size))
    width, height = (max(MIN_SIDE, round(side * share)) for side in size)
    return width, height
