"""Areas of a photo in shares of its sides, before and after its Exif orientation is applied.

Regions in XMP are those of the image as stored (Metadata Working Group, Guidelines for Handling
Image Metadata 2.0, section 5.9); everything else in this program is upright.
"""

from __future__ import annotations

Area = tuple[float, float, float, float]  # middle x, middle y, width, height; all in [0, 1]

UNDONE_BY = {6: 8, 8: 6}  # the others undo themselves


def stored_area(upright: Area, orientation: int) -> Area:
    """An area of the upright photo before an orientation, 1 to 8, is applied."""
    x, y, width, height = upright
    middle = {
        1: (x, y),
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (y, 1 - x),
        7: (1 - y, 1 - x),
        8: (1 - y, x),
    }[orientation]
    return (*middle, height, width) if orientation >= 5 else (*middle, width, height)


def upright_area(stored: Area, orientation: int) -> Area:
    """An area of the image as stored after an orientation, 1 to 8, is applied."""
    return stored_area(stored, UNDONE_BY.get(orientation, orientation))
