"""Entries of a corrections file to constraints on faces, and their contradictions.

The format is described in :mod:`grouping.corrections.toml_file`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from grouping.boxes import SAME_FACE_IOU, box_iou, paired_overlap
from grouping.clustering.constraints import Constraints
from grouping.errors import CorrectionsError
from grouping.records import FaceSet, Int64

# The fewest faces of each kind of entry, and the kinds whose faces are one person.
FEWEST_FACES = {"person": 1, "must_link": 2, "cannot_link": 2, "ignore": 1}
TOGETHER = ("person", "must_link")


@dataclass(frozen=True)
class FaceReference:
    """One face by the content of its photo and its place there.

    Attributes:
        photo: SHA-256 of the photo's bytes, lower-case hex.
        box: x1, y1, x2, y2 in pixels of the upright photo.
    """

    photo: str
    box: tuple[float, float, float, float]


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


# For each entry, for each of its references, the faces meant: several where a photo is in the
# album in several copies, none where it is gone.
Meant = Sequence[Sequence[Sequence[int]]]
Link = tuple[int, int, Entry]


def apply_corrections(
    entries: Sequence[Entry], faces: FaceSet, photo_sha256: Sequence[str | None]
) -> AppliedCorrections:
    """Find the faces meant and turn the entries into constraints.

    Args:
        entries: of a checked file.
        faces: all faces of the run.
        photo_sha256: of each photo, in the order that ``faces.photo_index`` refers to; None
            where a photo could not be read.

    Raises:
        CorrectionsError: two entries contradict each other about these faces.
    """
    rows = _rows_by_digest(faces, photo_sha256)
    meant = [[_faces_meant(ref, rows, faces) for ref in entry.faces] for entry in entries]
    warnings = tuple(
        f"corrections {entry.place}: the {'face' if ref.photo in rows else 'photo'} is not in "
        f"the album any more (photo {ref.photo[:12]}…, box {list(ref.box)})"
        for entry, found in zip(entries, meant, strict=True)
        for ref, faces_found in zip(entry.faces, found, strict=True)
        if not faces_found
    )
    names = {
        face: entry.name
        for entry, found in zip(entries, meant, strict=True)
        if entry.name is not None
        for face in _flat(found)
    }
    return AppliedCorrections(links_of(entries, meant), names, warnings)


def _rows_by_digest(faces: FaceSet, photo_sha256: Sequence[str | None]) -> dict[str, list[Int64]]:
    """For each digest, the faces of every photo that has it."""
    order = np.argsort(faces.photo_index, kind="stable")
    bounds = np.searchsorted(faces.photo_index[order], np.arange(len(photo_sha256) + 1))
    rows: dict[str, list[Int64]] = {}
    for index, digest in enumerate(photo_sha256):
        if digest is not None:
            rows.setdefault(digest, []).append(order[bounds[index] : bounds[index + 1]])
    return rows


def _faces_meant(ref: FaceReference, rows: dict[str, list[Int64]], faces: FaceSet) -> list[int]:
    """The face of best overlap in each copy of the photo."""
    box = np.array([ref.box], np.float32)
    found = []
    for copy in rows.get(ref.photo, []):
        shared = box_iou(box, faces.boxes[copy])[0]
        if shared.max(initial=0) >= SAME_FACE_IOU:
            found.append(int(copy[shared.argmax()]))
    return found


def same_references(entries: Sequence[Entry]) -> list[list[list[int]]]:
    """References numbered so that those to one face of one photo have one number."""
    known: dict[str, list[tuple[int, FaceReference]]] = {}
    count = 0
    meant: list[list[list[int]]] = []
    for entry in entries:
        meant.append([])
        for ref in entry.faces:
            others = known.setdefault(ref.photo, [])
            number = next((k for k, other in others if same_face(ref, other)), count)
            if number == count:
                others.append((count, ref))
                count += 1
            meant[-1].append([number])
    return meant


def same_face(a: FaceReference, b: FaceReference) -> bool:
    """Whether two references mean one face of one photo."""
    if a.photo != b.photo:
        return False
    box, other = np.array([a.box], np.float32), np.array([b.box], np.float32)
    return bool(paired_overlap(box, other)[0] >= SAME_FACE_IOU)


def links_of(entries: Sequence[Entry], meant: Meant) -> Constraints:
    """The constraints that entries put on the faces they mean.

    Raises:
        CorrectionsError: two of them contradict each other; the message names their lines.
    """
    must = list(_must_links(entries, meant))
    cannot = list(_cannot_links(entries, meant))
    persons = list(_different_names(entries, meant))
    _check_ignored(entries, meant)
    part = _parts(must)
    for a, b, first, second in [(a, b, e, e) for a, b, e in cannot] + persons:
        if a == b or part.get(a, a) == part.get(b, b):
            raise CorrectionsError(_contradiction(a, b, first, second, must))
    apart = [(a, b) for a, b, _ in cannot] + [(a, b) for a, b, _, _ in persons]
    ignored = [f for e, found in _of_kind("ignore", entries, meant) for f in _flat(found)]
    return Constraints(
        _pairs([(a, b) for a, b, _ in must]),
        _pairs(apart),
        np.unique(np.array(ignored, np.int64)),
    )


def _of_kind(
    kind: str, entries: Sequence[Entry], meant: Meant
) -> Iterator[tuple[Entry, Sequence[Sequence[int]]]]:
    return ((e, m) for e, m in zip(entries, meant, strict=True) if e.kind == kind)


def _flat(found: Sequence[Sequence[int]]) -> list[int]:
    return [face for copies in found for face in copies]


def _pairs(pairs: Sequence[tuple[int, int]]) -> Int64:
    return np.array(pairs, np.int64).reshape(-1, 2)


def _must_links(entries: Sequence[Entry], meant: Meant) -> Iterator[Link]:
    """A chain through the copies of each face, the faces of each entry, and each name."""
    last_of_name: dict[str, int] = {}
    for entry, found in zip(entries, meant, strict=True):
        chains = [list(copies) for copies in found]
        if entry.kind in TOGETHER:
            chains = [_flat(found)]
        if entry.name is not None and chains[0]:
            chains[0].insert(0, last_of_name.get(entry.name, chains[0][0]))
            last_of_name[entry.name] = chains[0][-1]
        yield from ((a, b, entry) for chain in chains for a, b in pairwise(chain) if a != b)


def _cannot_links(entries: Sequence[Entry], meant: Meant) -> Iterator[Link]:
    """Between the first copies of the faces; the others are linked to those."""
    for entry, found in _of_kind("cannot_link", entries, meant):
        there = [copies[0] for copies in found if copies]
        yield from ((a, b, entry) for a, b in combinations(there, 2))


def _different_names(
    entries: Sequence[Entry], meant: Meant
) -> Iterator[tuple[int, int, Entry, Entry]]:
    """One face of each name against one of each other name; must-links do the rest."""
    first: dict[str | None, tuple[int, Entry]] = {}
    for entry, found in _of_kind("person", entries, meant):
        if _flat(found):
            first.setdefault(entry.name, (_flat(found)[0], entry))
    for (a, one), (b, other) in combinations(first.values(), 2):
        yield a, b, one, other


def _check_ignored(entries: Sequence[Entry], meant: Meant) -> None:
    wanted = {
        face: entry
        for kind in TOGETHER
        for entry, found in _of_kind(kind, entries, meant)
        for face in _flat(found)
    }
    for entry, found in _of_kind("ignore", entries, meant):
        for face in _flat(found):
            if face in wanted:
                other = wanted[face]
                raise CorrectionsError(
                    f"{other.place} ([[{other.kind}]]) and {entry.place} ([[ignore]]) "
                    "contradict each other about one face; delete one of them"
                )


def _parts(must: Sequence[Link]) -> dict[int, int]:
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


def _neighbours(must: Sequence[Link]) -> dict[int, list[tuple[int, Entry]]]:
    neighbours: dict[int, list[tuple[int, Entry]]] = {}
    for a, b, entry in must:
        neighbours.setdefault(a, []).append((b, entry))
        neighbours.setdefault(b, []).append((a, entry))
    return neighbours


def _contradiction(a: int, b: int, first: Entry, second: Entry, must: Sequence[Link]) -> str:
    if first is second:
        apart = f"{first.place} ([[{first.kind}]]) keeps faces apart"
    else:
        apart = f"{first.place} and {second.place} give faces different names"
    joined = [entry.place for entry in _entries_between(a, b, must) if entry not in (first, second)]
    if not joined:
        return f"{apart} that are one and the same face; correct one of them"
    return f"{apart} that {' and '.join(joined)} put together; delete one of them"


def _entries_between(a: int, b: int, must: Sequence[Link]) -> list[Entry]:
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
