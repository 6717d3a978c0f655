"""The one face that a photo of one person means, among those found in it.

Somebody who hands in a photo of himself is its largest face by far, whoever walks by behind him.
Where two people are about as large nobody can tell who is meant, and none is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grouping.people.rules import PAIR_QUALITY
from grouping.people.same_photo import same_photo_pairs
from grouping.records import FaceSet

# How many times as wide as the next face one has to be to be the one that is meant: four times the
# area. In 371 of 381 news and press photos of several people the largest is less.
DOMINANT = 2.0
NO_FACE = "no face"


@dataclass(frozen=True)
class OnlyFace:
    """Which face of a photo is meant.

    Attributes:
        row: of the faces; None where it is not clear.
        problem: why there is none; empty where there is one.
        remark: which of several was taken; empty where there was no choice.
    """

    row: int | None
    problem: str = ""
    remark: str = ""


def only_face(faces: FaceSet) -> OnlyFace:
    """Pick the face that a photo of one person means.

    Faces that nobody could recognise (quality below ``PAIR_QUALITY``) are not meant where there
    are others. One face seen twice, as in a mirror, is one face.

    Args:
        faces: all that were found in one photo.
    """
    if not len(faces):
        return OnlyFace(None, NO_FACE)
    clear = np.flatnonzero(faces.quality >= PAIR_QUALITY)
    rows = clear if len(clear) else np.arange(len(faces))
    side = _sides(faces)
    order = rows[np.argsort(-side[rows], kind="stable")]
    first = int(order[0])
    others = _other_people(faces, first, order[1:])
    if len(others) and side[first] < DOMINANT * side[others[0]]:
        near = 1 + int((side[first] < DOMINANT * side[others]).sum())
        return OnlyFace(None, f"{_number(near)} faces; hand in a photo, or a part of it, with one")
    if len(faces) == 1:
        return OnlyFace(first)
    x, y = np.round(faces.boxes[first].reshape(2, 2).mean(0)).astype(int).tolist()
    return OnlyFace(
        first, remark=f"of {len(faces)} faces the clear one, by far the largest, at {x}, {y}"
    )


def _sides(faces: FaceSet) -> np.ndarray:
    """Return (n,) float64, the side of a square as large as each box."""
    boxes = faces.boxes.astype(np.float64)
    return np.asarray(np.sqrt(np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 0)))


def _other_people(faces: FaceSet, first: int, others: np.ndarray) -> np.ndarray:
    """Return those of (k,) rows that are other people than the first, in their order."""
    apart = same_photo_pairs(faces, allow_same_face=True)
    rivals = apart[(apart == first).any(axis=1)].sum(axis=1) - first
    return others[np.isin(others, rivals)]


def _number(count: int) -> str:
    return {2: "two", 3: "three", 4: "four"}.get(count, str(count))
