"""Entries of a corrections file to constraints on faces, and their contradictions.

The format is described in :mod:`grouping.corrections.toml_file`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from grouping.boxes import SAME_FACE_IOU, box_iou
from grouping.clustering.constraints import Constraints
from grouping.corrections.entries import TOGETHER, Entry, MeantFaces
from grouping.errors import CorrectionsError
from grouping.records import FaceReference, FaceSet, Int64

MustLink = tuple[int, int, Entry]  # two faces of one person, and who says so
CannotLink = tuple[int, int, Entry, Entry]  # two faces of two people, and which two say so


@dataclass(frozen=True, eq=False)
class AppliedCorrections:
    """Corrections found again among the faces of a run.

    Attributes:
        constraints: for :func:`grouping.people.group_faces.group_faces`.
        names: name of each named face, by its index.
        warnings: one line for each face that is not there any more.
    """

    constraints: Constraints
    names: dict[int, str]
    warnings: tuple[str, ...]


def apply_corrections(
    entries: Sequence[Entry],
    faces: FaceSet,
    photo_sha256: Sequence[str | None],
    opted_out: Callable[[FaceReference], bool] | None = None,
) -> AppliedCorrections:
    """Find the faces meant and turn the entries into constraints.

    Args:
        entries: of a checked file.
        faces: all faces of the run.
        photo_sha256: of each photo, in the order that ``faces.photo_index`` refers to; None
            where a photo could not be read.
        opted_out: says of a face that is not there whether it was left out, since somebody asked
            for that.

    Raises:
        CorrectionsError: two entries contradict each other about these faces.
    """
    rows = _rows_by_digest(faces, photo_sha256)
    meant = [
        MeantFaces(entry, [_faces_meant(ref, rows, faces) for ref in entry.faces])
        for entry in entries
    ]
    names = {face: m.entry.name for m in meant if m.entry.name is not None for face in m.faces}
    return AppliedCorrections(
        constraints_of(meant), names, tuple(_warnings(meant, rows, opted_out))
    )


def _rows_by_digest(faces: FaceSet, photo_sha256: Sequence[str | None]) -> dict[str, list[Int64]]:
    """For each digest, the (m,) int64 rows of the faces of every photo that has it."""
    order = np.argsort(faces.photo_index, kind="stable")
    bounds = np.searchsorted(faces.photo_index[order], np.arange(len(photo_sha256) + 1))
    rows: dict[str, list[Int64]] = {}
    for index, digest in enumerate(photo_sha256):
        if digest is not None:
            rows.setdefault(digest, []).append(order[bounds[index] : bounds[index + 1]])
    return rows


def _faces_meant(ref: FaceReference, rows: Mapping[str, list[Int64]], faces: FaceSet) -> list[int]:
    """Return the face of best overlap in each copy of the photo.

    Args:
        ref: a face of the file.
        rows: for each digest, the (m,) int64 rows of the faces of every copy.
        faces: all faces of the run.
    """
    box = np.array([ref.box], np.float32)
    found = []
    for copy in rows.get(ref.photo, []):
        shared = box_iou(box, faces.boxes[copy])[0]
        if shared.max(initial=0) >= SAME_FACE_IOU:
            found.append(int(copy[shared.argmax()]))
    return found


def _warnings(
    meant: Sequence[MeantFaces],
    rows: Mapping[str, list[Int64]],
    opted_out: Callable[[FaceReference], bool] | None,
) -> Iterator[str]:
    """Yield a line for each reference that means no face; ``rows`` as in :func:`_faces_meant`."""
    for found in meant:
        for ref, copies in zip(found.entry.faces, found.copies_by_reference, strict=True):
            if copies:
                continue
            if opted_out is not None and opted_out(ref):  # says no more of the face than that
                yield (
                    f"corrections {found.entry.place}: the face is of somebody who opted out and "
                    "is left out; the file still holds it, delete it there too"
                )
            else:
                yield (
                    f"corrections {found.entry.place}: the "
                    f"{'face' if ref.photo in rows else 'photo'} is not in the album any more "
                    f"(photo {ref.photo[:12]}…, box {list(ref.box)})"
                )


def constraints_of(meant: Sequence[MeantFaces]) -> Constraints:
    """The constraints that entries put on the faces they mean.

    Raises:
        CorrectionsError: two of them contradict each other; the message names their lines.
    """
    must = list(_must_links(meant))
    cannot = [*_cannot_links(meant), *_different_names(meant)]
    _check_ignored(meant)
    _check_links(must, cannot)
    ignored = [face for found in _of_kind("ignore", meant) for face in found.faces]
    return Constraints(
        _pairs((a, b) for a, b, _ in must),
        _pairs((a, b) for a, b, _, _ in cannot),
        np.unique(np.array(ignored, np.int64)),
    )


def _of_kind(kind: str, meant: Sequence[MeantFaces]) -> Iterator[MeantFaces]:
    return (found for found in meant if found.entry.kind == kind)


def _pairs(pairs: Iterable[tuple[int, int]]) -> Int64:
    """Pairs as (n, 2) int64."""
    return np.array(list(pairs), np.int64).reshape(-1, 2)


def _must_links(meant: Sequence[MeantFaces]) -> Iterator[MustLink]:
    """A chain through the copies of each face, the faces of each entry, and each name.

    Two entries that call faces 1, 2 and faces 7, 8 Grandma give the links 1-2, 2-7 and 7-8.
    """
    last_of_name: dict[str, int] = {}
    for found in meant:
        entry = found.entry
        chains = [list(copies) for copies in found.copies_by_reference]
        if entry.kind in TOGETHER:
            chains = [found.faces]
        if entry.name is not None and chains[0]:
            chains[0].insert(0, last_of_name.get(entry.name, chains[0][0]))
            last_of_name[entry.name] = chains[0][-1]
        yield from ((a, b, entry) for chain in chains for a, b in pairwise(chain) if a != b)


def _cannot_links(meant: Sequence[MeantFaces]) -> Iterator[CannotLink]:
    """Between the first copies of the faces; the others are linked to those."""
    for found in _of_kind("cannot_link", meant):
        there = [copies[0] for copies in found.copies_by_reference if copies]
        yield from ((a, b, found.entry, found.entry) for a, b in combinations(there, 2))


def _different_names(meant: Sequence[MeantFaces]) -> Iterator[CannotLink]:
    """One face of each name against one of each other name; must-links do the rest."""
    first: dict[str | None, tuple[int, Entry]] = {}
    for found in _of_kind("person", meant):
        if found.faces:
            first.setdefault(found.entry.name, (found.faces[0], found.entry))
    for (a, one), (b, other) in combinations(first.values(), 2):
        yield a, b, one, other


def _check_ignored(meant: Sequence[MeantFaces]) -> None:
    """No face may be ignored and someone.

    Raises:
        CorrectionsError: one is.
    """
    wanted = {
        face: found.entry
        for kind in TOGETHER
        for found in _of_kind(kind, meant)
        for face in found.faces
    }
    for found in _of_kind("ignore", meant):
        for face in found.faces:
            if face in wanted:
                other = wanted[face]
                raise CorrectionsError(
                    f"{other.place} ([[{other.kind}]]) and {found.entry.place} ([[ignore]]) "
                    "contradict each other about one face; delete one of them"
                )


def _check_links(must: Sequence[MustLink], cannot: Sequence[CannotLink]) -> None:
    """No chain of must-links may join two faces that are kept apart.

    Raises:
        CorrectionsError: one does.
    """
    part = _parts(must)
    for a, b, first, second in cannot:
        if a == b or part.get(a, a) == part.get(b, b):
            raise CorrectionsError(_contradiction(a, b, first, second, must))


def _parts(must: Sequence[MustLink]) -> dict[int, int]:
    """For each linked face one face that stands for all it is linked to."""
    neighbours = _neighbours(must)
    part: dict[int, int] = {}
    for start in neighbours:
        waiting = [start] if start not in part else []
        while waiting:
            face = waiting.pop()
            if face not in part:
                part[face] = start
                waiting.extend(other for other, _ in neighbours[face])
    return part


def _neighbours(must: Sequence[MustLink]) -> dict[int, list[tuple[int, Entry]]]:
    neighbours: dict[int, list[tuple[int, Entry]]] = {}
    for a, b, entry in must:
        neighbours.setdefault(a, []).append((b, entry))
        neighbours.setdefault(b, []).append((a, entry))
    return neighbours


def _contradiction(a: int, b: int, first: Entry, second: Entry, must: Sequence[MustLink]) -> str:
    if first is second:
        apart = f"{first.place} ([[{first.kind}]]) keeps faces apart"
    else:
        apart = f"{first.place} and {second.place} give faces different names"
    joined = [entry.place for entry in _entries_between(a, b, must) if entry not in (first, second)]
    if not joined:
        return f"{apart} that are one and the same face; correct one of them"
    return f"{apart} that {' and '.join(joined)} put together; delete one of them"


def _entries_between(a: int, b: int, must: Sequence[MustLink]) -> list[Entry]:
    """The entries on a shortest chain of must-links from ``a`` to ``b``, in the file's order."""
    neighbours = _neighbours(must)
    chain: dict[int, frozenset[Entry]] = {a: frozenset()}
    waiting = deque([a])
    while waiting and b not in chain:
        face = waiting.popleft()
        for other, entry in neighbours.get(face, []):
            if other not in chain:
                chain[other] = chain[face] | {entry}
                waiting.append(other)
    return sorted(chain[b], key=lambda entry: (entry.file, entry.line))
