"""Face regions of other programs, as entries about the faces of a run."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from grouping.boxes import SAME_FACE_IOU, box_iou
from grouping.corrections.entries import Entry
from grouping.records import JOINERS, FaceReference, Float32

LONGEST_NAME = 200  # characters
# Other programs draw whole heads, or half a face: a region is the detected face that it overlaps
# most, from here on, where each has its middle within the other and no other region fits better.
LOOSE_IOU = 0.2

Bools = npt.NDArray[np.bool_]
Box = tuple[float, float, float, float]
Written = tuple[Box, str, str]  # box in pixels of the upright photo, name, file it was written in


def entries_of_regions(photo: str, regions: Iterable[Written], boxes: Float32) -> list[Entry]:
    """Return an entry for each region of one photo.

    Args:
        photo: SHA-256 of its bytes.
        regions: as they were written.
        boxes: (n, 4) float32, the faces detected in it.
    """
    usable = [r for r in regions if r[0][0] < r[0][2] and r[0][1] < r[0][3]]
    drawn = np.array([box for box, _, _ in usable], np.float32).reshape(-1, 4)
    meant = _detected(drawn, boxes)
    entries = []
    for (box, name, where), face in zip(usable, meant, strict=True):
        place = box if face < 0 else _box(boxes[face])
        entry = Entry("face", 0, (FaceReference(photo, place),), cleaned_name(name), file=where)
        entries.append(entry)
    return entries


def cleaned_name(text: str) -> str | None:
    """Return a name as corrections hold it: one line of visible characters; None for none."""
    kept = (
        sign if sign.isprintable() or sign in JOINERS or unicodedata.category(sign) == "Zs" else " "
        for sign in unicodedata.normalize("NFC", text[: 2 * LONGEST_NAME])
    )
    name = " ".join("".join(kept).split())[:LONGEST_NAME].strip()
    return name if name.strip(JOINERS) else None


def _detected(drawn: Float32, boxes: Float32) -> list[int]:
    """Return the detected face that each of (m, 4) regions is, of (n, 4); -1 for none."""
    overlap = box_iou(drawn, boxes)
    loosely = (overlap >= LOOSE_IOU) & _within(drawn, boxes) & _within(boxes, drawn).T
    fits = np.where((overlap >= SAME_FACE_IOU) | loosely, overlap, 0)
    if not fits.size:
        return [-1] * len(drawn)
    best = fits.argmax(1)
    mutual = fits[np.arange(len(drawn)), best] >= np.maximum(fits.max(0)[best], LOOSE_IOU)
    # Two programs may have marked one face: both overlap it well.
    mutual |= fits[np.arange(len(drawn)), best] >= SAME_FACE_IOU
    return [int(face) if good else -1 for face, good in zip(best, mutual, strict=True)]


def _within(inner: Float32, outer: Float32) -> Bools:
    """(m, n) bool, whether the middle of each of (m, 4) boxes is within each of (n, 4)."""
    middle = (inner[:, None, :2] + inner[:, None, 2:]) / 2
    inside = np.concatenate([middle > outer[:, :2], middle < outer[:, 2:]], 2)
    within: Bools = np.asarray(inside.all(2))
    return within


def _box(box: Float32) -> Box:
    x1, y1, x2, y2 = box.tolist()
    return x1, y1, x2, y2
