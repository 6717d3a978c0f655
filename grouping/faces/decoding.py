"""Bytes of a photo -> upright RGB pixels, at the scale that detection needs.

The header is read first; JPEG is then decoded at a reduced DCT scale where fewer pixels are
wanted, which saves most of the time of a 12-megapixel photo. Only raster formats that cameras,
phones and the web write are opened: formats that start other programs (PostScript) or draw
vectors are refused. Pillow's limit against decompression bombs stays on and is an error here,
not a warning.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from grouping.errors import DecodeError
from grouping.records import UInt8

# In the order tried: TGA last, which has no signature and takes other files for its own.
FORMATS = (
    *("JPEG", "MPO", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "GIF", "BMP", "DIB"),
    *("JPEG2000", "PPM", "ICO", "PCX", "SGI", "SUN", "TGA"),
)
MIN_SIDE = 1
JPEG_FORMATS = ("JPEG", "MPO")
JPEG_END = b"\xff\xd9"  # the marker "end of image"
LEAST_SALVAGED = 0.01  # share of a truncated photo that must have been decoded to be used
PAPER = (255, 255, 255)  # what shows through transparent pixels

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
            decodes all there is.

    Raises:
        DecodeError: the bytes are not an image of a known format, are damaged beyond use, or
            hold more pixels than Pillow's limit against decompression bombs.
    """
    with _damage_reported():
        return _decode(data, max_side)


@contextmanager
def _damage_reported() -> Iterator[None]:
    """Turn whatever a decoder raises on damaged bytes into one DecodeError."""
    try:
        yield
    except DecodeError:
        raise
    except UnidentifiedImageError:
        raise DecodeError("not an image of a known format, or damaged at its start") from None
    except Image.DecompressionBombError:
        raise DecodeError(_too_large("the image")) from None
    except DECODER_ERRORS as error:
        raise DecodeError(f"the image is damaged: {error or type(error).__name__}") from error


def photo_size(data: bytes) -> tuple[int, int]:
    """Width and height from the header, as stored; orientation is not looked at.

    Raises:
        DecodeError: as :func:`decode_photo`.
    """
    with _damage_reported():
        return _opened(data).size


def opened_photo(data: bytes) -> Image.Image:
    """Return a photo of which no more than the header is read, as it is stored: not turned upright.

    Raises:
        DecodeError: as :func:`decode_photo`.
    """
    with _damage_reported():
        return _opened(data)


def stored_orientation(data: bytes) -> int:
    """Exif orientation 1..8 of a photo's bytes; 1 where there is none or it cannot be read."""
    try:
        return orientation_of(_opened(data))
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
        _refuse_too_large(image)
        return np.asarray(_to_rgb(_upright(image)))


def reduce_to(photo: DecodedPhoto, max_side: int) -> DecodedPhoto:
    """Reduce by area averaging so that the long side is at most ``max_side`` pixels."""
    size = fitted_size(photo.image.size, max_side)
    if size == photo.image.size:
        return photo
    image = photo.image.resize(size, Image.Resampling.BOX, reducing_gap=None)
    return DecodedPhoto(image, photo.width, photo.height, photo.warnings)


def _opened(data: bytes) -> Image.Image:
    """Read the header only, and refuse what is too large before anything is allocated."""
    if not data:
        raise DecodeError("the file is empty")
    image: Image.Image = Image.open(io.BytesIO(data), formats=_formats())
    _refuse_too_large(image)
    return image


def _refuse_too_large(image: Image.Image) -> None:
    width, height = image.size
    if Image.MAX_IMAGE_PIXELS and width * height > Image.MAX_IMAGE_PIXELS:
        raise DecodeError(_too_large(f"{width}x{height} px"))


def _decode(data: bytes, max_side: int | None) -> DecodedPhoto:
    image = _opened(data)
    width, height = image.size
    _draft(image, max_side)
    notes: tuple[str, ...] = ()
    try:
        image.load()
    except OSError as error:
        if "truncated" not in str(error):
            raise
        image = _salvaged(image, data, max_side)
        notes = ("the file is truncated; used as far as it goes",)
    if orientation_of(image) >= 5:
        width, height = height, width
    photo = DecodedPhoto(_to_rgb(_upright(image)), width, height, notes)
    return reduce_to(photo, max_side) if max_side else photo


def _draft(image: Image.Image, max_side: int | None) -> None:
    """Tell a JPEG that is not read yet which reduced DCT scale will do."""
    if max_side and image.format in JPEG_FORMATS:
        image.draft(None, fitted_size(image.size, max_side))


def _salvaged(image: Image.Image, data: bytes, max_side: int | None) -> Image.Image:
    """What could be decoded of a truncated file."""
    if image.format in JPEG_FORMATS:
        image = _opened(data + JPEG_END)  # with an end, libjpeg gives all it has
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


def _upright(image: Image.Image) -> Image.Image:
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
    for step in steps.get(orientation_of(image), ()):
        image = image.transpose(step)
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB; transparency becomes white paper, deeper greys are scaled to 8 bits."""
    if image.mode == "RGB":
        return image
    if image.mode in ("L", "CMYK", "YCbCr", "HSV", "1", "LAB"):
        return _convert_lab(image) if image.mode == "LAB" else image.convert("RGB")
    if image.mode.startswith("I;16"):
        return _scaled_grey(np.asarray(image, dtype=np.float32), 65535.0)
    if image.mode in ("I", "F"):
        deep = np.nan_to_num(np.asarray(image, dtype=np.float32))
        return _scaled_grey(deep, 65535.0 if deep.max(initial=0) > 255 else 255.0)
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


def fitted_size(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Shrink (never grow) a size so that its long side is at most ``max_side``."""
    share = min(1.0, max_side / max(size))
    width, height = (max(MIN_SIDE, round(side * share)) for side in size)
    return width, height


def _too_large(what: str) -> str:
    limit = (Image.MAX_IMAGE_PIXELS or 0) / 1e6
    return f"{what} exceeds the limit of {limit:.0f} megapixels; reduce the photo first"


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    """Load Pillow's plugins once, HEIF among them; name those this build of Pillow has."""
    import pillow_heif

    Image.init()
    pillow_heif.register_heif_opener()
    return tuple(name for name in FORMATS if name in Image.OPEN)
