"""The order of corrections: later ones change earlier ones, where they say so.

The gallery page knows only the groups as they are, not the entries that made them. So it marks
what it writes: an entry with ``overrides = true`` wins over entries before it, in its file and in
the files read before, and a ``[[person]]`` with ``formerly`` renames earlier ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from grouping.corrections.entries import FEWEST_FACES, TOGETHER, Entry, same_face
from grouping.records import FaceReference

_COPY = re.compile(r"\((\d+)\)$")


def in_download_order(paths: Sequence[Path]) -> list[Path]:
    """Sort files as a browser numbered them: ``corrections``, ``corrections (1)``, ``(10)``."""

    def number(path: Path) -> int:
        copy = _COPY.search(path.stem)
        return int(copy[1]) if copy else 0

    return sorted(paths, key=lambda path: (number(path), path.name))


def apply_overrides(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return the entries that hold after each has changed those before it."""
    known: list[Entry] = []
    for entry in entries:
        known = [replace(e, name=entry.name) if e.name in entry.formerly else e for e in known]
        if entry.overrides:
            photos = {face.photo for face in entry.faces}  # most entries share none
            touched = [any(face.photo in photos for face in e.faces) for e in known]
            changed = [
                _without(e, entry) if touch else e for e, touch in zip(known, touched, strict=True)
            ]
            known = [e for e in changed if len(e.faces) >= FEWEST_FACES[e.kind]]
        known.append(entry)
    return tuple(known)


def _without(earlier: Entry, later: Entry) -> Entry:
    """The earlier entry without the faces that the later one takes from it."""
    if earlier.kind == "face" and later.kind != "ignore":
        # That there is a face is not taken back by who it is.
        who = _without(replace(earlier, kind="person"), later)
        return earlier if who.faces else replace(earlier, name=None)
    among = _among(later.faces)
    if later.kind == "cannot_link":
        taken = _among(later.faces[:1])
        contradicts = earlier.kind in TOGETHER
    elif later.kind == "ignore":
        taken, contradicts = among, earlier.kind != "ignore"
    elif earlier.kind == "cannot_link":
        # Of the faces that are together now one may stay.
        inside = [face for face in earlier.faces if among(face)]
        taken, contradicts = _among(inside[1:]), True
    else:
        names = {earlier.name, later.name} - {None}
        taken, contradicts = among, earlier.kind == "ignore" or len(names) == 2
    if not contradicts:
        return earlier
    return replace(earlier, faces=tuple(face for face in earlier.faces if not taken(face)))


def _among(faces: Sequence[FaceReference]) -> Callable[[FaceReference], bool]:
    """Return the test whether a face is one of these."""
    return lambda face: any(same_face(face, other) for other in faces)
