"""What the head of a photo's file says: its size, its orientation and its XMP."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from grouping.errors import DecodeError
from grouping.faces.decoding import DECODER_ERRORS, photo_size, stored_orientation
from grouping.faces.file_formats.opening import open_image

XMP_TAG = 700  # of TIFF
# Where Pillow and its plugins keep the packet, by format and version.
XMP_KEYS = ("xmp", "XML:com.adobe.xmp")


@dataclass(frozen=True)
class PhotoHeader:
    """The head of a photo's file.

    Attributes:
        width, height: pixels as stored.
        orientation: Exif, 1 to 8.
        xmp: the packet in the file; empty for none.
    """

    width: int
    height: int
    orientation: int
    xmp: bytes


def read_header(data: bytes) -> PhotoHeader:
    """Read the head of a photo's file; its pixels are not decoded.

    Raises:
        DecodeError: it is no photo, or damaged.
    """
    width, height = photo_size(data)
    return PhotoHeader(width, height, stored_orientation(data), _xmp(data))


def _packet(image: Image.Image) -> bytes | str | tuple[int, ...] | None:
    """Return what Pillow has of the packet, in whichever form it has it."""
    found = next((image.info[key] for key in XMP_KEYS if image.info.get(key)), None)
    if found is None and isinstance(image, TiffImageFile):
        found = image.tag_v2.get(XMP_TAG)
    return found


def _xmp(data: bytes) -> bytes:
    try:
        with open_image(data) as image:
            found = _packet(image)
            if found is None and image.format == "PNG":
                image.load()  # the packet may come after the pixels
                found = _packet(image)
    except DECODER_ERRORS as error:
        raise DecodeError(f"the head of the file cannot be read: {error}") from None
    if isinstance(found, tuple):
        found = bytes(found)
    return found.encode() if isinstance(found, str) else bytes(found or b"")
