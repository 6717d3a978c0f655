"""Second pass over crowds: tiles of the full-size photo, searched for small faces.

The first pass sees a photo at one modest scale, which is right for most albums and far too
coarse for a stadium. Where what it found looks like a crowd, the photo is cut into overlapping
tiles at full size; faces found in a tile and touching its inner edge are left to the neighbour,
which holds them whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

from grouping.boxes import non_max_suppression
from grouping.faces.decoding import DecodedPhoto
from grouping.faces.search.detection import CascadeSettings, Detector
from grouping.records import Detections

TILE = 1024  # px a side
TILE_OVERLAP = 128  # px; the largest face that a tile is asked for is half of that
CROWD_FACE = 12.0  # px of the original photo, side of the smallest face searched for in crowds
CROWD_COUNT = 8  # faces that make a crowd where most of them are small
SMALL_FACE = 48.0  # px, in a photo whose long side is at most the next; in proportion above
SMALL_FACE_SIDE = 1280.0

DUPLICATE_OVERLAP = 0.4  # intersection over union of one face found in two tiles


def is_crowd(found: Detections, image: DecodedPhoto) -> bool:
    """Tell from the first pass whether a second one is worth its time.

    Args:
        found: the first pass, in pixels of the photo.
        image: the image searched.
    """
    long_side = max(image.width, image.height)
    if len(found) < CROWD_COUNT or long_side <= TILE_OVERLAP:
        return False
    sides = np.sqrt((found.boxes[:, 2:] - found.boxes[:, :2]).prod(1))
    return bool(np.median(sides) < SMALL_FACE * max(1, long_side / SMALL_FACE_SIDE))


def search_tiles(detector: Detector, image: Image.Image, min_score: float) -> Detections:
    """Detect small faces in all tiles of a photo.

    Args:
        detector: the cascade.
        image: the photo at full size, mode RGB.
        min_score: detector score below which a detection is dropped.

    Returns:
        Faces in pixels of ``image``, best score first, each once.
    """
    settings = CascadeSettings(min_face=CROWD_FACE)
    parts = [
        _inner(detector([image.crop(tile)], [settings])[0], tile, image.size)
        for tile in _tiles(image.size)
    ]
    boxes, scores, landmarks = (
        np.concatenate([getattr(p, name) for p in parts])
        for name in ("boxes", "scores", "landmarks")
    )
    faces = Detections(boxes, scores, landmarks)
    faces = faces[faces.scores >= min_score]
    return faces[non_max_suppression(faces.boxes, faces.scores, DUPLICATE_OVERLAP)]


def _tiles(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Boxes that cover the photo, neighbours sharing ``TILE_OVERLAP`` pixels."""
    for top in _starts(size[1]):
        for left in _starts(size[0]):
            yield left, top, min(left + TILE, size[0]), min(top + TILE, size[1])


def _starts(length: int) -> list[int]:
    """Where tiles begin along a side of so many pixels, evenly spread."""
    last = max(length - TILE, 0)
    count = -(-last // (TILE - TILE_OVERLAP)) + 1
    return [round(last * i / max(count - 1, 1)) for i in range(count)]


def _inner(found: Detections, tile: tuple[int, int, int, int], size: tuple[int, int]) -> Detections:
    """Move faces from the tile to the photo; drop those cut by an edge inside of the photo."""
    left, top, right, bottom = tile
    low = np.where([left > 0, top > 0], 1.0, -np.inf)
    high = np.where(
        [right < size[0], bottom < size[1]], [right - left - 1.0, bottom - top - 1.0], np.inf
    )
    whole = ((found.boxes[:, :2] >= low) & (found.boxes[:, 2:] <= high)).all(1)
    kept = found[whole]
    shift = np.array([left, top], np.float32)
    return Detections(kept.boxes + np.tile(shift, 2), kept.scores, kept.landmarks + shift)
