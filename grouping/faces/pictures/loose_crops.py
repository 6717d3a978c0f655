"""Faces with hair and chin, cut out of the photo upright and not aligned: for people to look at."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from grouping.faces.decoding import decode_photo, decoded_from_array, photo_size
from grouping.records import Float32, UInt8

LOOSE_MARGIN = 1.6  # sides of the box
LOOSE_SIDE = 512  # px at most


def loose_crops(photo: bytes | UInt8, boxes: Float32, rotation: int = 0) -> list[UInt8]:
    """Cut out faces, each a square moved and shrunk to lie inside of the photo.

    Args:
        photo: the bytes of its file, or (h, w, 3) uint8 RGB.
        boxes: (n, 4) float32 xyxy in pixels of the upright photo.
        rotation: degrees by which the photo has to be turned clockwise to show faces upright.

    Returns:
        (side, side, 3) uint8 RGB for each; side in pixels of the photo, at most ``LOOSE_SIDE``.

    Raises:
        DecodeError: the photo cannot be decoded.
    """
    if not len(boxes):
        return []
    if isinstance(photo, bytes):
        decoded = decode_photo(photo, _useful_side(photo_size(photo), boxes))
    else:
        decoded = decoded_from_array(photo)
    return [_cut(decoded.image, box, rotation) for box in boxes * decoded.scale]


def _useful_side(size: tuple[int, int], boxes: Float32) -> int:
    """Return the long side to decode at, so that no crop has fewer pixels than it may have."""
    sides = LOOSE_MARGIN * (boxes[:, 2:] - boxes[:, :2]).max(1)
    return math.ceil(max(size) * min(1, LOOSE_SIDE / max(float(sides.min()), 1)))


def square_around(
    box: tuple[float, ...], margin: float, width: float, height: float
) -> tuple[float, float, float, float]:
    """Return the square ``margin`` box sides wide about a box, moved and shrunk into the photo."""
    x1, y1, x2, y2 = box
    side = min(margin * max(x2 - x1, y2 - y1), width, height)
    left = min(max((x1 + x2 - side) / 2, 0), width - side)
    top = min(max((y1 + y2 - side) / 2, 0), height - side)
    return left, top, left + side, top + side


def _cut(image: Image.Image, box: Float32, rotation: int) -> UInt8:
    square = square_around(tuple(box.tolist()), LOOSE_MARGIN, image.width, image.height)
    side = max(1, min(LOOSE_SIDE, math.floor(square[2] - square[0])))
    cut = image.resize((side, side), Image.Resampling.LANCZOS, box=square, reducing_gap=2.0)
    upright: UInt8 = np.rot90(np.asarray(cut), -(rotation // 90))
    return np.ascontiguousarray(upright)
