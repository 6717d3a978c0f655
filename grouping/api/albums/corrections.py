"""Corrections of an album as calls: what a person knows better, added to its corrections file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from grouping.corrections.toml_file import parse_corrections
from grouping.errors import CorrectionsError, InputError
from grouping.records import JOINERS as JOINERS
from grouping.results.album import Album, Face
from grouping.storage.atomic_files import write_bytes
from grouping.storage.regular_files import read_regular_file
from grouping.storage.result_folder import CORRECTIONS_FILE

if TYPE_CHECKING:
    from grouping.results.schema import Document

ANCHORS = 5  # faces that stand for a person, as the gallery page has it
MOST_BYTES = 16 * 2**20  # of a file of corrections that calls have added to
HEAD = "version = 1\n"
OVERRIDES = "overrides = true"


@dataclass(frozen=True)
class Corrections:
    """What is known better; people by ``group_id``, faces by ``face_idx`` of the document.

    Attributes:
        names: of people, by ``group_id``.
        merges: people who are one, two or more each.
        splits: faces that are one person together, and not the one they were grouped with.
        not_this_person: faces that are not the person they were grouped with.
        ignored: faces to be left out of every group.
    """

    names: Sequence[tuple[str, str]] = ()
    merges: Sequence[Sequence[str]] = ()
    splits: Sequence[Sequence[int]] = ()
    not_this_person: Sequence[int] = ()
    ignored: Sequence[int] = field(default=())


def corrections_text(document: Document, corrections: Corrections) -> str:
    """Return entries of a corrections file; see :mod:`grouping.corrections.toml_file`.

    Raises:
        InputError: there is no such person or face, or nobody is left to tell a face from.
    """
    writer = _Writer(Album(document), corrections)
    entries = [
        *(writer.name(group_id, name) for group_id, name in corrections.names),
        *(writer.merge(group_ids) for group_ids in corrections.merges),
        *(entry for faces in corrections.splits for entry in writer.split(faces)),
        *(writer.apart(face) for face in corrections.not_this_person),
        *(writer.ignore(face) for face in corrections.ignored),
    ]
    return "\n".join(entries)


def add_corrections(folder: Path, text: str) -> None:
    """Add entries to the corrections file of an album, checked with all that hold already.

    Args:
        folder: of the results.
        text: entries, with ``version = 1`` or without.

    Raises:
        CorrectionsError: they are broken, or contradict each other or earlier ones.
        OutputError: the file cannot be written.
    """
    path = folder / CORRECTIONS_FILE
    before = _text_of(path)
    parse_corrections(HEAD + _without_head(text))
    whole = f"{before.rstrip()}\n\n{_without_head(text)}"
    if len(whole.encode()) > MOST_BYTES:
        raise CorrectionsError(f"the corrections of the album have more than {MOST_BYTES} bytes")
    parse_corrections(whole)
    write_bytes(path, whole.encode())


def _text_of(path: Path) -> str:
    try:
        return read_regular_file(path, MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        return HEAD
    except (OSError, UnicodeDecodeError) as error:
        raise CorrectionsError("the corrections of the album cannot be read") from error


def _without_head(text: str) -> str:
    """The entries alone: the line with the version is in the file already."""
    lines = text.replace("\r\n", "\n").split("\n")
    first = next((i for i, line in enumerate(lines) if line.lstrip().startswith("[[")), len(lines))
    head = [line for line in lines[:first] if line.strip() and not line.lstrip().startswith("#")]
    if any(line.replace(" ", "") != "version=1" for line in head):
        raise CorrectionsError('before the first entry there may only be "version = 1"')
    return "\n".join(lines[first:]).rstrip() + "\n"


class _Writer:
    """Writes entries about one album."""

    def __init__(self, album: Album, corrections: Corrections) -> None:
        self._album = album
        self._group_of = {group["group_id"]: group["group_idx"] for group in album.groups}
        self._moved = {
            *(face for faces in corrections.splits for face in faces),
            *corrections.not_this_person,
            *corrections.ignored,
        }

    def name(self, group_id: str, name: str) -> str:
        group = self._group(group_id)
        before = self._album.groups[group].get("name")
        formerly = [f"formerly = [{_string(before)}]"] if before and before != name else []
        lines = [f"name = {_string(name)}", *formerly, OVERRIDES]
        return self._entry("person", lines, self._anchors(group))

    def merge(self, group_ids: Sequence[str]) -> str:
        groups = list(dict.fromkeys(map(self._group, group_ids)))
        faces = [face for group in groups for face in self._anchors(group)]
        if len(groups) < 2:
            raise InputError("a merge needs two people or more")
        names = [name for group in groups if (name := self._album.groups[group].get("name"))]
        if not names:
            return self._entry("must_link", [OVERRIDES], faces)
        others = list(dict.fromkeys(name for name in names if name != names[0]))
        formerly = [f"formerly = [{', '.join(map(_string, others))}]"] if others else []
        return self._entry("person", [f"name = {_string(names[0])}", *formerly, OVERRIDES], faces)

    def split(self, indices: Sequence[int]) -> Iterable[str]:
        faces = [self._face(idx) for idx in dict.fromkeys(indices)]
        if len(faces) > 1:
            yield self._entry("must_link", [OVERRIDES], faces)
        for face in faces:
            yield self.apart(face.idx)

    def apart(self, idx: int) -> str:
        face = self._face(idx)
        if face.group < 0:
            raise InputError(f"face {idx} is in no group")
        rest = self._anchors(face.group, 1)
        return self._entry("cannot_link", [OVERRIDES], [face, *rest])

    def ignore(self, idx: int) -> str:
        return self._entry("ignore", ['reason = "stranger"', OVERRIDES], [self._face(idx)])

    def _group(self, group_id: str) -> int:
        if group_id not in self._group_of:
            raise InputError(f"there is no person {group_id!r:.60} in the album")
        return self._group_of[group_id]

    def _face(self, idx: int) -> Face:
        face = self._album.faces.get(idx)
        if face is None:
            raise InputError(f"there is no face {idx} in the album")
        return face

    def _anchors(self, group: int, most: int = ANCHORS) -> list[Face]:
        """The most typical faces of a person that stay theirs."""
        faces = [face for face in self._album.faces_of(group) if face.idx not in self._moved]
        if not faces:
            raise InputError("a person needs a face that stays; ignore their faces instead")
        return faces[:most]

    def _entry(self, kind: str, lines: Sequence[str], faces: Sequence[Face]) -> str:
        listed = "".join(f"    {self._reference(face)},\n" for face in faces)
        return f"[[{kind}]]\n" + "\n".join(lines) + f"\nfaces = [\n{listed}]\n"

    def _reference(self, face: Face) -> str:
        digest = self._album.images[face.photo]["sha256"]
        box = ", ".join(map(repr, map(float, face.box)))
        return f'{{ photo = "{digest}", box = [{box}] }}'


def _string(text: str) -> str:
    """A basic string of TOML; JSON writes it the same way, without DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
