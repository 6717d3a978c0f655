"""Small pictures of a photo and its faces, as JPEG: what a report shows of a decoded photo."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from grouping.faces.decoding import fitted_size
from grouping.records import SmallPictures, UInt8

PREVIEW_SIDE = 640  # px, the long one
QUALITY = 88  # of JPEG


def small_pictures(photo: Image.Image, crops: UInt8) -> SmallPictures:
    """Make the preview of a photo and the pictures of its faces.

    Args:
        photo: upright RGB, at whatever scale it was decoded to.
        crops: (n, 112, 112, 3) uint8 RGB, aligned.
    """
    faces = tuple(as_jpeg(Image.fromarray(crop)) for crop in crops)
    return SmallPictures(as_jpeg(preview(photo)), faces)


def preview(photo: Image.Image) -> Image.Image:
    """The photo, its long side at most ``PREVIEW_SIDE``."""
    size = fitted_size(photo.size, PREVIEW_SIDE)
    return photo.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def as_jpeg(picture: Image.Image) -> bytes:
    """The bytes of a file of it."""
    encoded = BytesIO()
    picture.save(encoded, "JPEG", quality=QUALITY)
    return encoded.getvalue()
