"""A folder a person with their photos, on disk or in an archive.

The originals are only read and linked to, never written.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from grouping.errors import FetchError, PhotoError
from grouping.export.safe_names import distinct_name, safe_name
from grouping.records import Progress
from grouping.results.album import Album, OpenPhoto, one_line, person_number
from grouping.results.schema import Document
from grouping.storage.atomic_files import make_folder, new_file, write_bytes, write_error
from grouping.storage.result_folder import PEOPLE_ARCHIVE, PEOPLE_FOLDER

FOLDER_MODES = ("none", "link", "copy")  # how photos are put into a folder a person
# What an export has made, so that the next one can take it away and nothing else.
CONTENTS = ".contents"


@dataclass
class Exported:
    """What an export made.

    Attributes:
        files: the files written.
        problems: one line for each photo that could not be handed on.
    """

    files: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def write_folders(
    document: Document,
    out: Path,
    open_photo: OpenPhoto,
    *,
    copy: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """A folder a person under ``out/people`` with their photos; a photo may be in several.

    Without ``copy`` a photo on this machine becomes a hard link, which takes no room; where
    that fails (another disk) a symbolic link, and where that fails too a copy. A hard link is
    the photo: edit it and the original is edited. Photos from elsewhere are always copied.
    What an earlier export put there is removed first; anything else is left as it is.

    Raises:
        OutputError: a file cannot be written.
    """
    album = Album(document)
    people = make_folder(out / PEOPLE_FOLDER)
    remove_earlier_folders(people)
    done = Exported()
    total = len(album.images)
    planned = list(_planned(album, people))
    # Before the first is made: a run that is killed leaves nothing that the next one does not know.
    _list_contents(people, chain.from_iterable(planned))
    for photo, targets in enumerate(planned):
        try:
            for target in targets:
                done.files.append(_place(album, photo, target, open_photo, copy=copy))
        except FetchError as error:
            done.problems.append(f"{album.photo_name(photo)}: {one_line(str(error))}")
        if progress:
            progress("folders", photo + 1, total)
    _list_contents(people, done.files)
    return done


def write_archive(
    document: Document,
    out: Path,
    open_photo: OpenPhoto,
    *,
    progress: Progress | None = None,
) -> Exported:
    """``out/people.zip`` with a folder a person; one photo is in memory at a time.

    Raises:
        OutputError: the archive cannot be written; an earlier one is intact.
    """
    album = Album(document)
    path = out / PEOPLE_ARCHIVE
    aside = path.with_name(f".{PEOPLE_ARCHIVE}.{os.getpid()}.part")
    done = Exported(files=[path])
    try:
        # Photos are compressed already.
        with (
            open(aside, "wb", opener=new_file) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive,
        ):
            for photo, targets in enumerate(_targets(album)):
                _pack(archive, album, photo, targets, open_photo, done)
                if progress:
                    progress("archive", photo + 1, len(album.images))
        aside.replace(path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        aside.unlink(missing_ok=True)
    return done


def _pack(
    archive: zipfile.ZipFile,
    album: Album,
    photo: int,
    targets: list[Path],
    open_photo: OpenPhoto,
    done: Exported,
) -> None:
    if not targets:
        return
    try:
        data = _photo_bytes(album, photo, open_photo)
    except FetchError as error:
        done.problems.append(f"{album.photo_name(photo)}: {one_line(str(error))}")
        return
    for target in targets:
        archive.writestr(target.as_posix(), data)


def _targets(album: Album) -> Iterator[list[Path]]:
    """For each photo the places it goes to, relative to the folder of people."""
    taken: dict[int, set[str]] = {}
    for photo, image in enumerate(album.images):
        name = safe_name(album.photo_name(photo))
        groups = [g for g in image["group_idx"] if g >= 0]
        yield [
            Path(person_folder(album, g), distinct_name(name, taken.setdefault(g, set())))
            for g in groups
        ]


def person_folder(album: Album, group_idx: int) -> str:
    """``003 Grandma``, or ``003`` without a name."""
    name = album.groups[group_idx].get("name")
    number = person_number(group_idx)
    return f"{number} {safe_name(name)}" if name else number


def _place(album: Album, photo: int, target: Path, open_photo: OpenPhoto, *, copy: bool) -> Path:
    make_folder(target.parent)
    data = _photo_bytes(album, photo, open_photo)
    original = album.local_path(photo)
    # Not Path.is_file, which raises where no file can be called so.
    if original is None or not os.path.isfile(original):
        return write_bytes(target, data)
    if not copy and _linked(original.resolve(), target):
        return target
    write_bytes(target, data)
    with suppress(OSError):  # the copy has its time where the file system allows
        status = original.stat()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    return target


def _photo_bytes(album: Album, photo: int, open_photo: OpenPhoto) -> bytes:
    """The bytes of a photo that was grouped: the document may come from somebody else.

    Raises:
        FetchError: they are not to be had, are not what was grouped, or are no image.
    """
    from grouping.faces.decoding import photo_size

    data = album.read_unchanged(photo, open_photo)
    try:
        photo_size(data)
    except PhotoError as error:
        raise FetchError(f"not handed on: {error}") from error
    return data


def _planned(album: Album, people: Path) -> Iterator[list[Path]]:
    """For each photo its files in the folders of its people, under names that nothing has.

    What lies there may be a link to an original.
    """
    taken: dict[Path, set[str]] = {}
    for targets in _targets(album):
        yield [_free(people / target, taken) for target in targets]


def _free(target: Path, taken: dict[Path, set[str]]) -> Path:
    """A name that is in none of these folders, nor among the names given out before."""
    folder = target.parent
    if folder not in taken:
        there = folder.iterdir() if folder.is_dir() else ()
        taken[folder] = {path.name.casefold() for path in there}
    return target.with_name(distinct_name(target.name, taken[folder]))


def _list_contents(people: Path, files: Iterable[Path]) -> None:
    """Write down which files are ours, one a line."""
    lines = [str(path.relative_to(people)) for path in files]
    write_bytes(people / CONTENTS, "\n".join(lines).encode())


def _linked(original: Path, target: Path) -> bool:
    for link in (os.link, os.symlink):
        try:
            link(original, target)
        except OSError:
            continue
        return True
    return False


def remove_earlier_folders(people: Path) -> None:
    """Take away what ``CONTENTS`` lists, as far as it lies inside, and folders left empty."""
    listed = people / CONTENTS
    if not listed.is_file() or listed.is_symlink():
        return
    for line in listed.read_text("utf-8", "replace").splitlines():
        path = _listed_file(people, line)
        if path is not None and (path.is_symlink() or path.is_file()):
            path.unlink()
    for folder in people.iterdir():
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()
    listed.unlink()


def _listed_file(people: Path, line: str) -> Path | None:
    """Return the file ``people/FOLDER/NAME`` that a line means; None where it is elsewhere."""
    named = Path(line)
    if named.anchor or len(named.parts) != 2 or ".." in named.parts:
        return None
    folder = people / named.parts[0]
    return None if folder.is_symlink() else folder / named.parts[1]
