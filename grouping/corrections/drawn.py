"""Entries about faces that were drawn, once it is known which faces those are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from grouping.corrections.entries import Entry
from grouping.records import FaceReference


class Told(NamedTuple):
    """What is told of the faces of a run.

    Attributes:
        entries: corrections.
        foreign: what other programs wrote, see :mod:`grouping.corrections.foreign`.
        notes: one line for each thing that could not be used.
    """

    entries: tuple[Entry, ...] = ()
    foreign: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()


def drawn_references(entries: Sequence[Entry]) -> Iterator[FaceReference]:
    """Yield the faces that entries say are there, detected or not."""
    for entry in entries:
        if entry.kind == "face":
            yield from entry.faces


def placed_entries(
    entries: Sequence[Entry],
    meant: Mapping[FaceReference, FaceReference],
    refused: Mapping[FaceReference, str],
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Return the entries about the faces that their boxes turned out to be.

    Args:
        entries: as they were written.
        meant: the face that each box stands for, where it is another than the one written.
        refused: boxes that stand for none, and why.

    Returns:
        The entries without faces drawn in vain, and a line for each of those.
    """
    placed: list[Entry] = []
    notes: list[str] = []
    for entry in entries:
        reasons = [refused[face] for face in entry.faces if face in refused]
        if entry.kind == "face" and reasons:
            (face,) = entry.faces
            where = f"(photo {face.photo[:12]}…, box {list(face.box)})"
            source = f"corrections {entry.place}" if entry.line else entry.place
            notes.append(f"{source}: no face is added, {reasons[0]} {where}")
            continue
        placed.append(replace(entry, faces=tuple(meant.get(face, face) for face in entry.faces)))
    return tuple(placed), tuple(notes)
