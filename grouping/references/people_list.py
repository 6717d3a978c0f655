"""People and photos of them, from a folder or a table; no photo is read yet.

A folder holds a sub-folder a person, or a photo a person whose name is that of its file::

    people/Ada Lovelace/1.jpg        people/Ada Lovelace.jpg
    people/Ada Lovelace/2.jpg        people/Grace Hopper.png
    people/Grace Hopper/a.png

A table is a CSV file whose header names ``name`` and ``photo``, and if wanted ``id``; a person may
have several lines. A photo is a path from the folder of the table, or an address.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from grouping.errors import InputError
from grouping.records import JOINERS
from grouping.results.album import one_line
from grouping.sources.entries import SourceOptions, photo_at
from grouping.sources.file_kinds import LeftOut, kind_of_file
from grouping.sources.folders import holds_results, is_hidden_or_junk, photos_in_folder
from grouping.sources.photo import LocalPhoto, Photo
from grouping.storage.locations import printable
from grouping.storage.regular_files import read_regular_file

MOST_BYTES = 64 * 2**20  # of a table
MOST_PHOTOS = 200_000  # of all people; a list is no album
LONGEST_NAME = 200  # characters
LISTED_FILES = 10
# Files that may be meant for somebody; others are waste of file managers, or belong to photos.
MAY_MEAN_SOMEBODY = frozenset({"video", "document", "drawing", "archive"})


@dataclass(frozen=True)
class ReferencePerson:
    """Somebody known beforehand.

    Attributes:
        name: one line of visible characters.
        id: what a table calls them; None where it does not.
        photos: of them, at least one.
    """

    name: str
    id: str | None
    photos: tuple[Photo, ...]


def load_people(
    path: Path,
    options: SourceOptions | None = None,
    *,
    everybody: bool = False,
    left_out: LeftOut | None = None,
) -> tuple[ReferencePerson, ...]:
    """List the people of a folder or a table, in the order of their names.

    Args:
        path: a folder, or a ``.csv`` file.
        options: how photos that a table gives by address are fetched.
        everybody: let no sub-folder be without a photo, and no video or other file that may be
            meant for somebody stand in for one, rather than pass over it.
        left_out: is told of files in a folder that are no photos.

    Raises:
        InputError: there is nobody, or no photo of somebody who is wanted, the table is broken, or
            a name cannot be one; says where.
    """
    options, left_out = options or SourceOptions(), LeftOut() if left_out is None else left_out
    if path.is_dir() and holds_results(path):
        raise InputError(
            f"{printable(path)} holds results of a run; name a folder with photos of people"
        )
    if path.is_dir():
        listed = _in_folder(path, options, left_out)
    elif not path.exists():
        raise InputError(
            f"{printable(path)} does not exist; name a folder of people or a .csv file"
        )
    elif path.suffix.lower() == ".csv":
        listed = _in_table(path, options)
    else:
        raise InputError(
            f"{printable(path)} lists no people; name a folder with a sub-folder or a photo a "
            "person, or a .csv file with the columns name and photo"
        )
    listed_people = _together(listed, path)
    if everybody and (without := [one.name for one in listed_people if not one.photos]):
        raise InputError(
            f"{printable(path)} holds no photo of {without[0]}; put one in, or remove the folder"
        )
    if everybody:
        _check_all_meant(path, {one.name for one in listed_people}, left_out)
    people = tuple(one for one in listed_people if one.photos)
    if not people:
        raise InputError(
            f"{printable(path)} holds no photo of anybody{_besides(left_out)}; "
            "put one in, or leave it out"
        )
    return people


def left_out_line(path: Path, left_out: LeftOut) -> list[str]:
    """Return a line that counts and names the files of a folder that are no photos, if any."""
    if not left_out.files:
        return []
    names = [str(Path(place).relative_to(printable(path))) for place, _ in left_out.files]
    more = f" and {len(names) - LISTED_FILES} more" if len(names) > LISTED_FILES else ""
    listed = one_line(", ".join(names[:LISTED_FILES]))
    return [f"{one_line(printable(path))}: left out {left_out}: {listed}{more}"]


def _besides(left_out: LeftOut) -> str:
    return f" (left out: {left_out})" if left_out.files else ""


def _check_all_meant(folder: Path, names: Collection[str], left_out: LeftOut) -> None:
    """See to it that no file directly in a folder stands for somebody who has no photo.

    Raises:
        InputError: one may.
    """
    for place, kind in left_out.files:
        path = Path(place)
        if str(path.parent) == printable(folder) and kind in MAY_MEAN_SOMEBODY:
            name = unicodedata.normalize("NFC", " ".join(path.stem.split()))
            if name not in names:
                article = "an" if kind[0] in "aeiou" else "a"
                raise InputError(
                    f"{one_line(place)} is {article} {kind}, so that nobody would be left out for "
                    "it; put a photo of that person in its place, or take it out of the folder"
                )


def _in_folder(
    folder: Path, options: SourceOptions, left_out: LeftOut
) -> Iterator[ReferencePerson]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{printable(folder)} cannot be read: {error.strerror}") from None
    for entry in entries:
        if entry.is_dir() and not is_hidden_or_junk(entry.name):
            if holds_results(entry):
                raise InputError(
                    f"{printable(entry)} holds results of a run, no photos of one person; "
                    f"move it out of {printable(folder)}"
                )
            photos = tuple(
                LocalPhoto.at(p, max_bytes=options.max_bytes)
                for p in photos_in_folder(entry, left_out=left_out)
            )
            yield ReferencePerson(_name(entry.name, printable(entry)), None, photos)
        elif not entry.is_dir() and not entry.name.startswith("."):
            if (kind := _kind_of(entry)) != "photo":
                left_out.add(printable(entry), kind)
                continue
            photo = LocalPhoto.at(entry, max_bytes=options.max_bytes)
            yield ReferencePerson(_name(entry.stem, printable(entry)), None, (photo,))


def _kind_of(entry: Path) -> str:
    """What a file is; a link to nowhere is taken for a photo, and told of when it is read."""
    return "photo" if entry.is_symlink() and not entry.exists() else kind_of_file(entry)


def _in_table(table: Path, options: SourceOptions) -> Iterator[ReferencePerson]:
    try:
        text = read_regular_file(table, MOST_BYTES).decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = rows.fieldnames or ()
        if not {"name", "photo"} <= set(columns):
            raise InputError("its first line must name the columns name and photo, and may name id")
        for row in rows:
            yield _row(row, f"line {rows.line_num}", table.parent, options)
    except InputError as error:
        raise InputError(f"{printable(table)}: {error}") from None
    except OSError as error:
        raise InputError(f"{printable(table)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{printable(table)} is not UTF-8; save it as UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{printable(table)} is no CSV file: {error}") from None


def _row(row: dict[str, str], place: str, base: Path, options: SourceOptions) -> ReferencePerson:
    name, address = row.get("name") or "", (row.get("photo") or "").strip()
    if not address:
        raise InputError(f"{place} has no photo")
    photo = photo_at(address, address, options, local_base=base)
    return ReferencePerson(_name(name, place), (row.get("id") or "").strip() or None, (photo,))


def _name(text: str, place: str) -> str:
    """Return a name as it is shown; one person is one name, however it is composed.

    Raises:
        InputError: it is empty, has signs that cannot be seen, or is very long.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name or len(name) > LONGEST_NAME:
        raise InputError(f"{place}: a name has 1 to {LONGEST_NAME} characters, this {len(name)}")
    if bad := [c for c in name if not (c.isprintable() or c in JOINERS)]:
        raise InputError(f"{place}: a name is one line of visible characters, has {bad[0]!r}")
    return name


def _together(listed: Iterable[ReferencePerson], path: Path) -> tuple[ReferencePerson, ...]:
    """One entry a name.

    Raises:
        InputError: a name has two ids, an id two names, or there are too many photos.
    """
    people: dict[str, ReferencePerson] = {}
    name_of: dict[str, str] = {}
    count = 0
    for person in listed:
        known = people.get(person.name)
        ids = {one.id for one in (known, person) if one is not None and one.id is not None}
        if len(ids) > 1:
            raise InputError(f"{printable(path)}: {person.name} has two ids, {' and '.join(ids)}")
        for one in ids:
            if name_of.setdefault(one, person.name) != person.name:
                raise InputError(
                    f"{printable(path)}: id {one} is of {name_of[one]} and of {person.name}"
                )
        count += len(person.photos)
        if count > MOST_PHOTOS:
            raise InputError(
                f"{printable(path)} names more than {MOST_PHOTOS} photos; see if it is the list"
            )
        photos = (known.photos if known else ()) + person.photos
        people[person.name] = replace(person, id=next(iter(ids), None), photos=photos)
    return tuple(people[name] for name in sorted(people))
