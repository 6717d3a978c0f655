"""Solid areas over faces: nothing of what was there can be made out, as it can through a blur."""

from __future__ import annotations

import math

from PIL import Image

from grouping.records import Float32

# How far beyond the box a face is covered, in shares of the box's longer side: hair, ears, chin.
MARGIN = 0.25
_OPAQUE = {"RGBA": (0, 0, 0, 255), "LA": (0, 255), "PA": (0, 255), "CMYK": (0, 0, 0, 255)}

Area = tuple[float, float, float, float]  # left, top, right, bottom


def areas_around(boxes: Float32, width: int, height: int) -> list[Area]:
    """Return what is to be covered of boxes (k, 4) float32 xyxy, in pixels inside of the photo.

    Args:
        boxes: of the upright photo.
        width, height: its pixels.
    """
    areas = []
    for x1, y1, x2, y2 in boxes.tolist():
        margin = MARGIN * max(x2 - x1, y2 - y1)
        area = max(x1 - margin, 0), max(y1 - margin, 0), x2 + margin, y2 + margin
        areas.append((area[0], area[1], min(area[2], width), min(area[3], height)))
    return areas


def cover(image: Image.Image, areas: list[Area], scale: float = 1.0) -> None:
    """Fill areas of an image with black, in place; a pixel that is touched is covered.

    Args:
        image: of any mode.
        areas: in pixels of the full-size photo.
        scale: pixels of the image for each of these.
    """
    for left, top, right, bottom in areas:
        box = (
            max(math.floor(left * scale), 0),
            max(math.floor(top * scale), 0),
            min(math.ceil(right * scale), image.width),
            min(math.ceil(bottom * scale), image.height),
        )
        if box[0] < box[2] and box[1] < box[3]:
            image.paste(_OPAQUE.get(image.mode, 0), box)
