"""A face where a person says that one is: R-Net and O-Net look there, whatever P-Net has seen.

The box is cut out with its surroundings and looked at from all four sides, in squares of several
sizes and places, for people draw boxes loosely and other programs draw whole heads. Where nothing
is seen clearly the landmarks are laid into the box as they lie in the average one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from grouping.boxes import box_iou
from grouping.faces.quality import alignment_error
from grouping.faces.search.detection import Detector
from grouping.faces.search.extreme import is_dark, stretched
from grouping.faces.search.tilted import straighten
from grouping.faces.search.turned import (
    LEAD,
    LEAST_UPRIGHTNESS,
    TRUSTED_ERROR,
    TURNS,
    Found,
    roll,
    turned,
    turned_back,
    uprightness,
)
from grouping.records import Detections, Float32

REACH = 3.0  # side of the patch in sides of the box
BOX_SIDE = 96.0  # px of the patch that the box has at most; O-Net looks at 48
# Squares looked at: sides in sides of the box, shifts of the middle in sides of the square.
SIDES = (0.64, 0.8, 1.0, 1.25)
SHIFTS = (-0.15, 0.0, 0.15)
# Of O-Net, for its landmarks to be used. In the best of so many squares it gives 152 of 155 faces
# made hard on purpose (bench_drawn) 0.99 and more; the others, to which it gives 0.9, are aligned
# no better than by the box, and hair and hands reach 0.6.
LEAST_SCORE = 0.99
MOST_ROLL = 60.0  # degrees from the side that is looked from
SAME_PLACE = 0.25  # intersection over union of the box drawn and the face seen

# Landmarks in a box about the origin, in units of the root of its area: medians of 1,622 upright
# faces of three albums that look at the camera, the two halves of the face averaged.
LAYOUT = np.array(
    [[-0.204, -0.13], [0.204, -0.13], [0.0, 0.1], [-0.18, 0.293], [0.18, 0.293]], np.float32
)


def look_in_box(detector: Detector, image: Image.Image, box: Float32) -> Found | None:
    """Return the face that the networks see in a box, None where they see none.

    Args:
        detector: of the cascade.
        image: the photo, or a part of it, of mode RGB.
        box: (4,) float32 in its pixels.

    Returns:
        One face in pixels of the image, and the rotation that shows it upright.
    """
    patch, corner, scale = _patch(image, box)
    looked_at = stretched(patch) if is_dark(patch) else patch
    inside = ((box - np.tile(corner, 2)) * scale).astype(np.float32)
    views = [_seen(detector, looked_at, inside, rotation) for rotation in (0, *TURNS)]
    as_it_is, best = views[0], max(views, key=lambda view: view.rank)
    if not len(best.found.faces):
        return None
    # Faces mostly stand as the photo does.
    if len(as_it_is.found.faces) and best.upright < max(LEAST_UPRIGHTNESS, LEAD * as_it_is.upright):
        best = as_it_is
    found = straighten(detector, looked_at, best.found, LEAST_SCORE)
    shift = np.asarray(corner, np.float32)
    faces = found.faces
    return Found(
        Detections(
            (faces.boxes / scale + np.tile(shift, 2)).astype(np.float32),
            faces.scores,
            ((faces.landmarks + 0.5) / scale - 0.5 + shift).astype(np.float32),
        ),
        found.rotation,
    )


def landmarks_of_box(box: Float32, rotation: int = 0) -> Float32:
    """Return (5, 2) float32, where the landmarks of an average face lie in a box.

    Args:
        box: (4,) float32.
        rotation: degrees by which the photo has to be turned clockwise to be upright.
    """
    middle, side = (box[:2] + box[2:]) / 2, np.sqrt(np.prod(box[2:] - box[:2]))
    turn = np.radians(-rotation)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    # Boxes are counted from the edge of the first pixel, landmarks from its middle.
    points: Float32 = (middle - 0.5 + side * (LAYOUT @ matrix.T)).astype(np.float32)
    return points


def _patch(image: Image.Image, box: Float32) -> tuple[Image.Image, Float32, float]:
    """Return the surroundings of a box (4,), reduced, with their corner (2,) and their scale."""
    side = float((box[2:] - box[:2]).max())
    middle = (box[:2] + box[2:]) / 2
    low = np.maximum(np.floor(middle - REACH / 2 * side), 0)
    high = np.minimum(np.ceil(middle + REACH / 2 * side), image.size)
    part = image.crop((*low.astype(int).tolist(), *high.astype(int).tolist()))
    scale = min(1.0, BOX_SIDE / side)
    size = (max(1, round(part.width * scale)), max(1, round(part.height * scale)))
    resized = part.resize(size, Image.Resampling.BOX) if scale < 1 else part
    return resized, low.astype(np.float32), scale


class _View(NamedTuple):
    """The likeliest face about a box, or none, as it is seen from one side.

    Attributes:
        found: in pixels of the patch as it is.
        upright: how far it stands upright beyond doubt when seen from there.
    """

    found: Found
    upright: float

    @property
    def rank(self) -> tuple[float, float]:
        return self.upright, float(self.found.faces.scores.max(initial=0))


def _seen(detector: Detector, patch: Image.Image, box: Float32, rotation: int) -> _View:
    """Look at a box (4,) of a patch from one side."""
    there = _turned_box(box, rotation, patch.size)
    faces = detector.look_at(turned(patch, rotation), _candidates(there), LEAST_SCORE)
    good = np.abs(roll(faces.landmarks)) <= MOST_ROLL
    good &= alignment_error(faces.landmarks) <= TRUSTED_ERROR
    good &= box_iou(faces.boxes, there[None])[:, 0] >= SAME_PLACE
    best = faces[np.flatnonzero(good)[:1]]
    return _View(Found(turned_back(best, rotation, patch.size), rotation), uprightness(best))


def _candidates(box: Float32) -> Float32:
    """Return (36, 4) float32, squares about a box (4,)."""
    middle, side = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max())
    kinds = np.array([(x, y, s) for s in SIDES for x in SHIFTS for y in SHIFTS])
    sides = side * kinds[:, 2:]
    corners = middle + (kinds[:, :2] - 0.5) * sides
    return np.concatenate([corners, corners + sides], 1).astype(np.float32)


def _turned_box(box: Float32, rotation: int, size: tuple[int, int]) -> Float32:
    """Return a box (4,) of an image of this size in pixels of the image turned clockwise."""
    x1, y1, x2, y2 = box.tolist()
    width, height = size
    places = {
        0: (x1, y1, x2, y2),
        90: (height - y2, x1, height - y1, x2),
        180: (width - x2, height - y2, width - x1, height - y1),
        270: (y1, width - x2, y2, width - x1),
    }
    return np.array(places[rotation], np.float32)
