"""Entries of a corrections file, and which faces they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grouping.boxes import SAME_FACE_IOU, box_iou, paired_overlap
from grouping.records import FaceReference

# The fewest faces of each kind of entry, and the kinds whose faces are one person.
FEWEST_FACES = {"person": 1, "must_link": 2, "cannot_link": 2, "ignore": 1}
TOGETHER = ("person", "must_link")


@dataclass(frozen=True)
class Entry:
    """One entry of the file.

    Attributes:
        kind: ``"person"``, ``"must_link"``, ``"cannot_link"`` or ``"ignore"``.
        line: the line its ``[[kind]]`` stands on, from 1.
        faces: the faces it is about.
        name: of a person.
        overrides, formerly: see :mod:`grouping.corrections.overrides`.
        file: the file's name, where several were read.
    """

    kind: str
    line: int
    faces: tuple[FaceReference, ...]
    name: str | None = None
    overrides: bool = False
    formerly: tuple[str, ...] = ()
    file: str = ""

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.file} line {self.line}" if self.file else f"line {self.line}"


@dataclass(frozen=True, eq=False)
class MeantFaces:
    """The faces that an entry means, as numbers.

    Attributes:
        entry: of the file.
        copies_by_reference: for each of its references the faces meant: several where a photo is
            in the album in several copies, none where it is gone.
    """

    entry: Entry
    copies_by_reference: Sequence[Sequence[int]]

    @property
    def faces(self) -> list[int]:
        """All of them, in the order of the references."""
        return [face for copies in self.copies_by_reference for face in copies]


def same_face(a: FaceReference, b: FaceReference) -> bool:
    """Whether two references mean one face of one photo."""
    if a.photo != b.photo:
        return False
    box, other = np.array([a.box], np.float32), np.array([b.box], np.float32)
    return bool(paired_overlap(box, other)[0] >= SAME_FACE_IOU)


def numbered_references(entries: Sequence[Entry]) -> list[MeantFaces]:
    """Number the references so that those to one face of one photo have one number.

    So entries can be checked against each other before any photo is at hand.
    """
    known: dict[str, _PhotoBoxes] = {}
    count = 0
    meant = []
    for entry in entries:
        numbers = []
        for reference in entry.faces:
            boxes = known.setdefault(reference.photo, _PhotoBoxes())
            number = boxes.number_of(reference, count)
            count += number == count
            numbers.append([number])
        meant.append(MeantFaces(entry, numbers))
    return meant


class _PhotoBoxes:
    """The references to one photo, by box: a hostile file may have very many."""

    def __init__(self) -> None:
        self._boxes = np.zeros((4, 4), np.float32)  # room for more than there are
        self._numbers: list[int] = []

    def number_of(self, reference: FaceReference, new: int) -> int:
        """Return the number of the first reference to the same face, ``new`` where none is."""
        n = len(self._numbers)
        box = np.array([reference.box], np.float32)
        same = np.flatnonzero(box_iou(box, self._boxes[:n])[0] >= SAME_FACE_IOU)
        if len(same):
            return self._numbers[int(same[0])]
        if n == len(self._boxes):
            self._boxes = np.concatenate([self._boxes, np.zeros_like(self._boxes)])
        self._boxes[n] = box[0]
        self._numbers.append(new)
        return new
