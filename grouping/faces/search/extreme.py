"""Faces that fill the frame or more than it, and photos that are nearly black.

The cascade learnt from faces with something around them. Of 50 faces it finds 98 % with the right
landmarks where they are as large as the photo, but 84, 62 and 40 % where they are 1.1, 1.2 and 1.3
times as large; with black around the photo 100, 98, 96 and 84 %. What is nearly black it takes for
empty.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from grouping.boxes import box_iou
from grouping.faces.decoding import fitted_size
from grouping.faces.quality import alignment_error
from grouping.faces.search.detection import CascadeSettings
from grouping.faces.search.turned import TRUSTED_ERROR, Search
from grouping.records import Detections, Float64

FILLING = 0.75  # of the short side; a face of that size or more is looked at with room around it
ROOM = 0.5  # of the long side, on all four sides
ROOM_SIDE = 320  # px, long side of the photo within the room; such faces are large in it
ROOM_SMALLEST = 48.0  # px of that image
SAME_PLACE = 0.3  # intersection over union of one face found with room and without

DARK = 64  # grey level; a photo is dark where all but the brightest hundredth is below
DARK_SHARE = 0.99
BLACK_POINT, WHITE_POINT = 0.01, 0.995  # shares of the pixels that become black, and not yet white


def fills_frame(faces: Detections, size: tuple[int, int]) -> bool:
    """Whether a face is too large for a photo of this size to be trusted."""
    return bool((_sides(faces) >= FILLING * min(size)).any())


def look_with_room(
    search: Search, image: Image.Image, settings: CascadeSettings, seen: Detections
) -> Detections:
    """Search a small copy of a photo with black around it for faces that fill the frame.

    Args:
        search: the cascade.
        image: the image searched.
        settings: how it was searched.
        seen: what was seen in it.

    Returns:
        The large faces found, and what was seen elsewhere. Boxes are cut off at the edges of the
        image, landmarks may lie beyond.
    """
    small = image.resize(fitted_size(image.size, ROOM_SIDE), Image.Resampling.BOX)
    room = round(ROOM * max(small.size))
    padded = Image.new("RGB", (small.width + 2 * room, small.height + 2 * room))
    padded.paste(small, (room, room))
    scale = max(image.size) / max(small.size)
    smallest = max(ROOM_SMALLEST, settings.min_face / scale)
    found = search([padded], [CascadeSettings(min_face=smallest)])[0]
    large = _sides(found) >= FILLING * min(small.size)
    found = found[large & (alignment_error(found.landmarks) <= TRUSTED_ERROR)]
    boxes = np.clip((found.boxes - room) * scale, 0, np.tile(image.size, 2)).astype(np.float32)
    landmarks = ((found.landmarks - room + 0.5) * scale - 0.5).astype(np.float32)
    elsewhere = seen[box_iou(seen.boxes, boxes).max(1, initial=0) < SAME_PLACE]
    return Detections(
        np.concatenate([boxes, elsewhere.boxes]),
        np.concatenate([found.scores, elsewhere.scores]),
        np.concatenate([landmarks, elsewhere.landmarks]),
    )


def is_dark(image: Image.Image) -> bool:
    """Whether nearly all of a photo is nearly black."""
    return bool(_darker(image)[DARK] >= DARK_SHARE)


def stretched(image: Image.Image) -> Image.Image:
    """The same photo with its tones spread over the whole range, for detection only."""
    darker = _darker(image)
    black = int(np.searchsorted(darker, BLACK_POINT))
    white = max(black + 1, int(np.searchsorted(darker, WHITE_POINT)))
    ramp = np.clip((np.arange(256) - black) / (white - black), 0, 1) * 255
    return image.point(np.rint(ramp).astype(int).tolist() * 3)


def _darker(image: Image.Image) -> Float64:
    """(256,) float64, share of the pixels of each grey level or a darker one."""
    levels: Float64 = np.cumsum(image.convert("L").histogram()) / (image.width * image.height)
    return levels


def _sides(faces: Detections) -> Float64:
    """(n,) float64, geometric mean of the sides of each box in pixels."""
    sides: Float64 = np.sqrt((faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(1).astype(np.float64))
    return sides
