"""The corrections file: its format, and how it is read and checked.

It holds what a person knows better than the network. It is TOML 1.0, UTF-8, usually called
``corrections.toml``, written by hand or by the gallery page, and read again on the next run::

    version = 1                                   # required, always 1

    [[person]]                                    # these faces are one person, with this name
    name = "Grandma"
    faces = [
        { photo = "5f2c…", box = [10, 20, 110, 140] },
        { photo = "9d01…", box = [310.5, 42.0, 402.5, 160.0], file = "IMG_0042.jpg" },
    ]

    [[must_link]]                                 # these faces are one person, name unknown
    faces = [{ photo = "5f2c…", box = [10, 20, 110, 140] },
             { photo = "77ab…", box = [5, 8, 64, 80] }]

    [[cannot_link]]                               # no two of these faces are the same person
    faces = [{ photo = "5f2c…", box = [10, 20, 110, 140] },
             { photo = "cc10…", box = [7, 9, 70, 88] }]

    [[ignore]]                                    # leave these faces out of every group
    reason = "stranger"                           # optional: "not a face" or "stranger"
    faces = [{ photo = "77ab…", box = [200, 8, 264, 80] }]

    [[face]]                                      # here is a face, whether or not it was detected
    photo = "5f2c…"
    box = [400, 60, 480, 160]
    name = "Grandpa"                              # optional

Rules, in full:

* Every entry starts with its own line ``[[person]]``, ``[[must_link]]``, ``[[cannot_link]]``,
  ``[[ignore]]`` or ``[[face]]`` (no inline arrays of entries): its line number is how messages
  refer to it.
  Entries may come in any order and number; other keys and tables are an error.
* ``photo`` is the SHA-256 of the photo's bytes, 64 lower-case hex digits, as
  ``images[i]["sha256"]`` in ``groups.json``. ``box`` is ``[x1, y1, x2, y2]`` in pixels of the
  upright photo, x1 < x2 and y1 < y2, as ``images[i]["faces"][j]["box"]``. It means the face of
  that photo that overlaps it most, with an intersection over union of at least 0.5: so a
  correction survives a rename, another detector and another network. ``file`` is for the human
  reader and is not used.
* ``faces`` holds at least 1 (``person``, ``ignore``) or 2 (``must_link``, ``cannot_link``) faces.
* ``name`` is a non-empty string of one line. Two ``[[person]]`` entries of the same name are the
  same person; entries of different names are different people and never share a group.
* Where a ``[[face]]`` is no detected one it is added to its photo. Its name is as in ``person``;
  it may have a ``file`` too.
* A photo that is in the album twice is meant in all its copies.
* A face that is in the album no longer is a warning, not an error.
* Two entries that contradict each other are an error that names both lines. The gallery page marks
  what it writes so that this does not happen: an entry with ``overrides = true`` wins over those
  before it, in its file and in files read before, and ``formerly = ["Gran"]`` in a ``person``
  renames those before.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grouping.corrections.apply import constraints_of
from grouping.corrections.entries import FEWEST_FACES, Entry, numbered_references
from grouping.corrections.overrides import apply_overrides
from grouping.errors import CorrectionsError, InputError
from grouping.records import JOINERS, FaceReference
from grouping.storage.regular_files import read_regular_file

VERSION = 1
REASONS = ("not a face", "stranger")

# For each kind of entry the keys that only it may have.
KINDS: dict[str, frozenset[str]] = {
    "person": frozenset({"name", "formerly"}),
    "must_link": frozenset(),
    "cannot_link": frozenset(),
    "ignore": frozenset({"reason"}),
    "face": frozenset({"name", "photo", "box", "file"}),
}
HEADER = re.compile(r"^[ \t]*\[\[[ \t]*(\w+)[ \t]*\]\]", re.MULTILINE)
# A file of every face of a very large album has less.
MOST_BYTES = 64 * 2**20
# All of an entry are kept apart from each other: pairs grow with the square.
MOST_APART = 1000
LARGEST = 1e9  # px; areas of boxes stay numbers
SHA256 = re.compile(r"[0-9a-f]{64}")


def load_corrections(path: Path) -> tuple[Entry, ...]:
    """Read and check a file; the entries in the order of their lines.

    Raises:
        CorrectionsError: it cannot be read, is broken, or contradicts itself.
    """
    try:
        text = read_regular_file(path, MOST_BYTES).decode("utf-8-sig")
    except InputError as error:
        raise CorrectionsError(str(error)) from error
    except OSError as error:
        raise CorrectionsError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CorrectionsError(f"{path} is not UTF-8; save it as UTF-8 text") from error
    try:
        return parse_corrections(text)
    except CorrectionsError as error:
        raise CorrectionsError(f"{path}: {error}") from error


def parse_corrections(text: str) -> tuple[Entry, ...]:
    """Check the text of a file; the entries in the order of their lines.

    Raises:
        CorrectionsError: it is broken or contradicts itself; the message names the lines.
    """
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers and brackets beyond all reason too
        raise CorrectionsError(f"not valid TOML: {' '.join(str(error).split())}") from error
    if table.get("version") != VERSION or isinstance(table["version"], bool):
        raise CorrectionsError(f'the file must say "version = {VERSION}"')
    unknown = sorted(set(table) - set(KINDS) - {"version"})
    if unknown:
        raise CorrectionsError(
            f"unknown {unknown[0]!r:.60}; there is {', '.join(f'[[{k}]]' for k in KINDS)}"
        )
    entries = [e for kind in KINDS for e in _entries(kind, table.get(kind, []), text)]
    entries.sort(key=lambda entry: entry.line)
    return _checked(entries)


def _checked(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries that hold in the end.

    Raises:
        CorrectionsError: they contradict each other.
    """
    kept = apply_overrides(entries)
    constraints_of(numbered_references(kept))
    return kept


def load_all_corrections(paths: Sequence[Path]) -> tuple[Entry, ...]:
    """The entries of several files, read in this order.

    Raises:
        CorrectionsError: one cannot be read or is broken, or they contradict each other.
    """
    if len(paths) == 1:
        return load_corrections(paths[0])
    files = [(path, load_corrections(path)) for path in paths]
    return _checked([replace(e, file=path.name) for path, entries in files for e in entries])


def _entries(kind: str, tables: Any, text: str) -> Iterator[Entry]:
    lines = _lines(kind, text)
    if not isinstance(tables, list) or len(lines) != len(tables):
        raise CorrectionsError(f"write each entry of {kind} on its own, below a line [[{kind}]]")
    for line, entry in zip(lines, tables, strict=True):
        try:
            yield _entry(kind, line, entry)
        except CorrectionsError as error:
            raise CorrectionsError(f"line {line}, [[{kind}]]: {error}") from error


def _lines(kind: str, text: str) -> list[int]:
    """The line of each header of a kind."""
    lines, line, start = [], 1, 0
    for match in HEADER.finditer(text):
        line += text.count("\n", start, match.start(1))
        start = match.start(1)
        if match[1] == kind:
            lines.append(line)
    return lines


def _entry(kind: str, line: int, table: Mapping[str, Any]) -> Entry:
    allowed, fewest = KINDS[kind], FEWEST_FACES[kind]
    listed = frozenset() if kind == "face" else frozenset({"faces"})
    unknown = sorted(set(table) - allowed - listed - {"overrides"})
    if unknown:
        raise CorrectionsError(f"unknown key {unknown[0]!r:.60}")
    if table.get("reason", REASONS[0]) not in REASONS:
        raise CorrectionsError(f"reason must be one of {REASONS}")
    faces = table.get("faces")
    if kind == "face":
        faces = [{key: table[key] for key in ("photo", "box", "file") if key in table}]
    if not isinstance(faces, list) or len(faces) < fewest:
        raise CorrectionsError(f"faces must be a list of at least {fewest}")
    if kind == "cannot_link" and len(faces) > MOST_APART:
        raise CorrectionsError(
            f"{len(faces)} faces that are all kept apart are more than {MOST_APART}; name a face "
            "of each person with [[person]] instead"
        )
    overrides, formerly = table.get("overrides", False), table.get("formerly", [])
    if not isinstance(overrides, bool) or not isinstance(formerly, list):
        raise CorrectionsError("overrides must be true or false, formerly a list of names")
    return Entry(
        kind,
        line,
        tuple(_reference(face) for face in faces),
        _name(table.get("name")) if kind == "person" or "name" in table else None,
        overrides,
        tuple(map(_name, formerly)),
    )


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise CorrectionsError("name must be a non-empty string")
    for sign in value:
        if not (sign.isprintable() or sign in JOINERS or unicodedata.category(sign) == "Zs"):
            raise CorrectionsError(f"name must be one line of visible characters, has {sign!r}")
    return " ".join(unicodedata.normalize("NFC", value).split())


def _reference(value: Any) -> FaceReference:
    if not isinstance(value, dict) or not {"photo", "box"} <= set(value) <= {
        "photo",
        "box",
        "file",
    }:
        raise CorrectionsError('each face must be { photo = "…", box = [x1, y1, x2, y2] }')
    photo, box = value["photo"], value["box"]
    if not isinstance(photo, str) or not SHA256.fullmatch(photo):
        raise CorrectionsError("photo must be 64 lower-case hex digits, the SHA-256 of the file")
    if not isinstance(box, list) or len(box) != 4 or not all(type(v) in (int, float) for v in box):
        raise CorrectionsError("box must be four numbers [x1, y1, x2, y2]")
    try:
        x1, y1, x2, y2 = map(float, box)
    except OverflowError as error:
        raise CorrectionsError("box must be numbers of pixels") from error
    if not (np.isfinite([x1, y1, x2, y2]).all() and x1 < x2 and y1 < y2):
        raise CorrectionsError(f"box {box} must have x1 < x2 and y1 < y2")
    if max(map(abs, (x1, y1, x2, y2))) > LARGEST:
        raise CorrectionsError("box must be numbers of pixels")
    return FaceReference(photo, (x1, y1, x2, y2))
