"""The photos in a folder and the folders below it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from grouping.errors import SourceError
from grouping.sources.file_kinds import LeftOut, kind_of_file
from grouping.storage.locations import FileIdentity, file_identity, printable
from grouping.storage.result_folder import MARKS_OF_RESULTS

log = logging.getLogger(__name__)

# Thumbnails and waste that photo servers, network drives and archives leave between photos.
JUNK_FOLDERS = frozenset(
    {
        "@eaDir",
        "@Recycle",
        "@Recently-Snapshot",
        "#recycle",
        "#snapshot",
        "$RECYCLE.BIN",
        "System Volume Information",
        "__MACOSX",
        "lost+found",
    }
)


def is_hidden_or_junk(name: str) -> bool:
    """Whether a folder of this name is left out."""
    return (name.startswith(".") and name not in (".", "..")) or name in JUNK_FOLDERS


def photos_in_folder(
    root: Path,
    *,
    skip: Path | None = None,
    references: Sequence[Path] = (),
    left_out: LeftOut | None = None,
) -> Iterator[Path]:
    """Photos in ``root``, by name, each folder's own before those of its subfolders.

    What a photo is says :mod:`grouping.sources.file_kinds`; hidden files do not count.

    Links to folders are followed, and every folder is visited once, so that a link to a parent
    does no harm. A subfolder that may not be read, or holds results of another run, is logged and
    left out.

    Args:
        root: an existing folder.
        skip: a folder that is left out, such as that of the results.
        references: folders of photos of people, which are left out too unless ``root`` is one.
        left_out: is told of files that are no photos.

    Raises:
        SourceError: ``root`` cannot be read, or is ``skip`` itself.
    """
    visited: set[FileIdentity] = set()
    if skip is not None and skip.is_dir():
        visited.add(file_identity(skip.stat()))
    if file_identity(root.stat()) in visited:
        raise SourceError(
            f"{printable(root)} is also the output folder; choose another output folder"
        )
    try:
        os.scandir(root).close()
    except OSError as error:
        raise SourceError(f"{printable(root)} cannot be read: {error.strerror}") from error
    of_people = {file_identity(folder.stat()) for folder in references if folder.is_dir()}
    of_people.discard(file_identity(root.stat()))
    yield from _walk(root, visited, of_people, LeftOut() if left_out is None else left_out)


def _walk(
    root: Path, visited: set[FileIdentity], of_people: set[FileIdentity], left_out: LeftOut
) -> Iterator[Path]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        if folder != root and holds_results(folder):
            log.warning("left out %s: results of another run", printable(folder))
            continue
        try:
            identity = file_identity(folder.stat())
            if identity in visited:
                continue
            if identity in of_people:
                log.warning("left out %s: photos of --people or --opt-out", printable(folder))
                continue
            visited.add(identity)
            files, subfolders = _entries(folder)
        except OSError as error:
            log.warning("left out %s: %s", printable(folder), error.strerror)
            continue
        for path in (folder / name for name in files):
            if (kind := kind_of_file(path)) == "photo":
                yield path
            else:
                left_out.add(printable(path), kind)
        waiting.extend(folder / name for name in reversed(subfolders))


def holds_results(folder: Path) -> bool:
    """Whether a folder is one that runs write their results into."""
    return any(all((folder / name).is_file() for name in names) for names in MARKS_OF_RESULTS)


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the files and of the subfolders to visit, each sorted."""
    files, subfolders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if _leads_to_folder(entry):
                if not is_hidden_or_junk(entry.name):
                    subfolders.append(entry.name)
            elif not entry.name.startswith(".") and os.path.isfile(entry.path):
                files.append(entry.name)
    return sorted(files), sorted(subfolders)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False
