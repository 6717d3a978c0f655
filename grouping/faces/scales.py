"""At what size a photo is searched, and where its crops are cut from.

A photo is decoded as small as its faces allow; what needs more pixels decodes it again.
"""

from __future__ import annotations

import math

import numpy as np

from grouping.config import DetectionSettings
from grouping.faces.alignment import CROP_SIDE, align_faces, similarity_transforms
from grouping.faces.decoding import (
    DecodedPhoto,
    decode_photo,
    decoded_from_array,
    photo_size,
    reduce_to,
)
from grouping.faces.search.detection import PYRAMID_FACTOR, CascadeSettings
from grouping.records import Float32, UInt8

SEARCH_PIXELS = 2e6  # of the image that the cascade searches; a smaller photo is searched whole
MIN_FACE_SHARE = 24 / 1280  # of the long side, where no smallest face is asked for
MIN_FACE_PX = 20.0  # below this, nothing is left that tells people apart
SEARCHED_FACE_PX = 16.0  # of the image searched; smaller faces ask for a larger image

PhotoInput = bytes | UInt8


def smallest_face(width: int, height: int, settings: DetectionSettings) -> float:
    """Side of the smallest face wanted in a photo of this size, in its pixels.

    The share of the long side is rounded down to a level of the pyramid that starts at
    ``MIN_FACE_PX``: so the levels of a photo are the same at whatever scale it is searched, and
    its faces and landmarks with them.
    """
    if settings.min_face:
        return settings.min_face
    steps = math.log(MIN_FACE_SHARE * max(width, height) / MIN_FACE_PX, 1 / PYRAMID_FACTOR)
    return float(MIN_FACE_PX / PYRAMID_FACTOR ** max(0, math.floor(steps)))


def search_side(width: int, height: int, settings: DetectionSettings) -> int:
    """Long side of the image searched: ``SEARCH_PIXELS``, more for very small faces."""
    share = min(1, math.sqrt(SEARCH_PIXELS / (width * height)))
    needed = SEARCHED_FACE_PX / smallest_face(width, height, settings)
    return math.ceil(max(width, height) * max(share, needed))


def cascade_of(photo: DecodedPhoto, settings: DetectionSettings) -> CascadeSettings:
    """How the cascade searches a photo at the scale it was decoded to."""
    smallest = smallest_face(photo.width, photo.height, settings)
    return CascadeSettings(min_face=smallest * photo.scale)


def decoded_to_search(photo: PhotoInput, settings: DetectionSettings) -> DecodedPhoto:
    """Decode a photo to the size that is searched for faces.

    Raises:
        DecodeError: it is not a usable image.
    """
    if isinstance(photo, bytes):
        return decode_photo(photo, search_side(*photo_size(photo), settings))
    whole = decoded_from_array(photo)
    return reduce_to(whole, search_side(whole.width, whole.height, settings))


def cut_crops(photo: PhotoInput, image: DecodedPhoto, landmarks: Float32) -> UInt8:
    """Cut from the decoded image where it has the pixels, else from a larger one.

    Args:
        photo: to be decoded again where needed.
        image: what was searched, :func:`decoded_to_search` of the photo.
        landmarks: (n, 5, 2) float32 in pixels of the full-size photo.

    Returns:
        (n, 112, 112, 3) uint8 RGB.
    """
    if not len(landmarks):
        return np.zeros((0, CROP_SIDE, CROP_SIDE, 3), np.uint8)
    needed = _scale_needed(landmarks)
    if image.scale < min(1, needed):
        image = larger(photo, image, needed)
    # Pixel centres: the first pixel of a reduced image stands for the middle of several.
    return align_faces(image.image, (landmarks + 0.5) * image.scale - 0.5)


def larger(photo: PhotoInput, image: DecodedPhoto, scale: float) -> DecodedPhoto:
    """Decode again, to at least ``scale`` of the full size where the file has it."""
    if isinstance(photo, bytes):
        return decode_photo(photo, math.ceil(scale * max(image.width, image.height)))
    return decoded_from_array(photo)


def _scale_needed(landmarks: Float32) -> float:
    """Scale at which the smallest face still has one pixel for each pixel of its crop.

    ``landmarks`` are (n, 5, 2) float32 in pixels of the full-size photo.
    """
    steps = np.linalg.norm(similarity_transforms(landmarks)[:, :, 0], axis=1)
    return float(np.nan_to_num(steps, nan=0).max(initial=0))
