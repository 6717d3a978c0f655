"""Faces of people who opted out: taken out of what the photos gave, and told only in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from grouping.boxes import SAME_FACE_IOU, box_iou
from grouping.records import FaceReference, FaceSet, Float32, Int64, PhotoFaces

if TYPE_CHECKING:
    from grouping.people.identify.opt_out import OptedOutFaces


@dataclass(frozen=True, eq=False)
class OptedOut:
    """Who was left out of a run, and who may have to be.

    It lives as long as the run: of the faces left out nothing is written but which photos they are
    in.

    Attributes:
        photo: (m,) int64, the photo of each face that was left out.
        boxes: (m, 4) float32 xyxy, where it is.
        similarity: (m,) float32, to the person.
        references: photo and box of each whose photo has a digest.
        borderline: (b,) int64, faces of the run that a person should look at.
        borderline_similarity: (b,) float32.
    """

    photo: Int64
    boxes: Float32
    similarity: Float32
    references: tuple[FaceReference, ...]
    borderline: Int64
    borderline_similarity: Float32

    @cached_property
    def boxes_of(self) -> dict[int, Float32]:
        """For each photo that shows one of them, (k, 4) float32: where they are."""
        return {int(p): self.boxes[self.photo == p] for p in np.unique(self.photo)}

    @cached_property
    def contents(self) -> frozenset[str]:
        """SHA-256 of the photos that show one of them."""
        return frozenset(reference.photo for reference in self.references)

    def holds(self, face: FaceReference) -> bool:
        """Return whether a face is one of those left out: its box, in a photo of its content."""
        if face.photo not in self.contents:
            return False
        boxes = [other.box for other in self.references if other.photo == face.photo]
        overlaps = box_iou(np.array([face.box], np.float32), np.array(boxes, np.float32))
        return bool(overlaps.max() >= SAME_FACE_IOU)


def leave_out(
    outcomes: Sequence[PhotoFaces], faces: FaceSet, found: OptedOutFaces
) -> tuple[tuple[PhotoFaces, ...], OptedOut]:
    """Return what the photos gave without those faces, and who was left out.

    Args:
        outcomes: of all photos.
        faces: n of them, in the order of the photos.
        found: which are of people who opted out.
    """
    kept = ~found.sure
    ends = np.searchsorted(faces.photo_index, np.arange(len(outcomes) + 1))
    without = tuple(
        _without(outcome, kept[ends[i] : ends[i + 1]]) for i, outcome in enumerate(outcomes)
    )
    gone = np.flatnonzero(found.sure)
    photo = faces.photo_index[gone].astype(np.int64)
    borderline = np.flatnonzero(found.borderline)
    number = np.cumsum(kept) - 1  # of each face among those that are left
    return without, OptedOut(
        photo=photo,
        boxes=faces.boxes[gone],
        similarity=found.similarity[gone],
        references=tuple(_references(outcomes, photo, faces.boxes[gone])),
        borderline=number[borderline],
        borderline_similarity=found.similarity[borderline],
    )


def _without(outcome: PhotoFaces, kept: np.ndarray) -> PhotoFaces:
    """Return what a photo gave with only those of its faces that (n,) bool says."""
    if kept.all():
        return outcome
    crops = None if outcome.crops is None else outcome.crops[kept]
    number = np.cumsum(kept) - 1  # of each face among those that are left
    drawn = tuple(int(number[row]) for row in outcome.drawn if kept[row])
    return replace(outcome, faces=outcome.faces[kept], crops=crops, drawn=drawn)


def _references(
    outcomes: Sequence[PhotoFaces], photo: Int64, boxes: Float32
) -> list[FaceReference]:
    found = []
    for place, (x1, y1, x2, y2) in zip(photo.tolist(), boxes.tolist(), strict=True):
        digest = outcomes[place].sha256
        if digest is not None:
            found.append(FaceReference(digest, (x1, y1, x2, y2)))
    return found
