"""Copies of chosen photos in a folder: only what is still what it was, and nothing written over."""

from __future__ import annotations

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from threading import get_ident

from grouping.errors import FetchError
from grouping.export.people_folders import Exported
from grouping.export.safe_names import distinct_name, safe_name
from grouping.records import Progress
from grouping.results.album import Album, OpenPhoto, one_line
from grouping.storage.atomic_files import file_mode, make_folder, new_file, write_error


def copy_photos(
    album: Album,
    photos: Iterable[int],
    folder: Path,
    open_photo: OpenPhoto,
    progress: Progress | None = None,
) -> Exported:
    """Copy photos into a folder, for their owner's eyes only.

    A photo that has changed since it was grouped is not copied, for who is in it is not known.
    A file that lies there with the same content is left, one of the same name with another content
    too: the copy gets a number.

    Args:
        album: that the photos are of.
        photos: their places among the images.
        folder: made where it is not there, readable by its owner only.
        open_photo: gives the bytes of a photo, raises FetchError.
        progress: called with ``"copies"``, how many are done and how many there are.

    Raises:
        OutputError: a file cannot be written.
    """
    chosen, done = list(photos), Exported()
    make_folder(folder)
    for number, photo in enumerate(chosen, 1):
        try:
            data = album.read_unchanged(photo, open_photo)
            done.files.append(_written(folder, safe_name(album.photo_name(photo)), data))
        except FetchError as error:
            done.problems.append(f"{album.photo_name(photo)}: {one_line(str(error))}")
        if progress:
            progress("copies", number, len(chosen))
    return done


def _written(folder: Path, name: str, data: bytes) -> Path:
    """The path of a file with these bytes: one that is there, or a new one under a free name."""
    aside = folder / f".{os.getpid()}-{get_ident()}.part"
    try:
        with open(aside, "wb", opener=new_file) as file:
            file.write(data)
        return _linked(aside, folder, name, sha256(data).digest())
    except OSError as error:
        raise write_error(folder / name, error) from error
    finally:
        aside.unlink(missing_ok=True)


def _linked(aside: Path, folder: Path, name: str, digest: bytes) -> Path:
    """Give a finished file its name, unless the same lies there; never in place of another."""
    taken: set[str] = set()
    while True:
        target = folder / distinct_name(name, taken)
        if os.path.lexists(target):
            if not target.is_symlink() and target.is_file() and _digest(target) == digest:
                return target
            continue
        try:
            os.link(aside, target)
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links: the name is taken first, then filled
            try:
                os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file_mode()))
            except FileExistsError:
                continue
            aside.replace(target)
        return target


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return sha256(file.read()).digest()
