"""Destinations of results: a folder, or ``s3://bucket/prefix``; no reader sees half of them.

Results are always written to a local folder first. ``open_destination`` finds out before the work
whether they can be written; ``publish`` brings them to their place.

* In a folder, every file is written aside and renamed (:mod:`grouping.storage.atomic_files`).
* In S3, everything is uploaded under ``prefix/.incomplete-.../`` (multipart where large), then
  copied to its place within S3, the index file last, and removed from the temporary place
  (:mod:`grouping.storage.s3.prefix`).
"""

from __future__ import annotations

import os
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from grouping.errors import OutputError
from grouping.storage.atomic_files import (
    make_folder,
    missing_folders,
    remove_empty,
    remove_leftovers,
    taken_back_empty,
    write_error,
)
from grouping.storage.folder_lock import FolderLock
from grouping.storage.locations import printable, scheme_of
from grouping.storage.result_folder import (
    GROUPS_FILE,
    MARKS_OF_RESULTS,
    PEOPLE_FOLDER,
    SHEET_NAME,
    SHEETS_FOLDER,
    SUBFOLDERS,
    WRITTEN,
    WRITTEN_OVER,
)

if TYPE_CHECKING:
    from grouping.storage.s3.client import S3Options


class Destination(ABC):
    """A place for results; a context manager that tidies up.

    Attributes:
        folder: the local folder to write results into.
        location: the place as the user named it.
    """

    def __init__(self, folder: Path, location: str) -> None:
        self.folder = folder
        self.location = location

    @abstractmethod
    def recall(self, *names: str) -> None:
        """Bring those files of an earlier run that exist into ``folder``.

        Raises:
            OutputError: they cannot be read.
        """

    @abstractmethod
    def publish(self) -> None:
        """Make all files of ``folder`` visible in their place.

        Raises:
            OutputError: they cannot be written there.
        """

    @abstractmethod
    def close(self) -> None:
        """Remove what was temporary."""

    def give_up(self) -> None:
        """Remove what was temporary after an error."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.give_up()


def open_destination(out: str | Path, options: S3Options | None = None) -> Destination:
    """The place for results, tried by writing to it.

    Args:
        out: a folder (made with its parents) or ``s3://bucket/prefix``.
        options: how S3 is reached.

    Raises:
        OutputError: nothing can be written there.
    """
    if isinstance(out, str) and scheme_of(out) == "s3":
        from grouping.storage.s3.prefix import S3Prefix  # which is a Destination itself

        return S3Prefix(out, options)
    if isinstance(out, str) and scheme_of(out):
        raise OutputError(f"{printable(out)} is neither a folder nor an s3:// address")
    return LocalFolder(Path(out))


class LocalFolder(Destination):
    """A folder on this machine, for one run at a time."""

    def __init__(self, folder: Path) -> None:
        self._made = missing_folders(folder)
        with taken_back_empty(folder):
            super().__init__(make_folder(folder), printable(folder))
            _check_foreign(folder)
            self._lock = FolderLock(folder)
            try:
                with tempfile.TemporaryFile(dir=folder) as probe:
                    probe.write(b"probe")
            except OSError as error:
                self.give_up()
                raise write_error(folder, error) from error
        subfolders = [folder / name for name in SUBFOLDERS]
        remove_leftovers(folder, *subfolders, *(folder / PEOPLE_FOLDER).glob("*/"))

    def recall(self, *names: str) -> None:
        """They are there."""

    def publish(self) -> None:
        """Nothing is left to do: every file was renamed into its place."""

    def close(self) -> None:
        """Let the next run in."""
        self._lock.close()

    def give_up(self) -> None:
        """Leave no trace of a run that failed before it wrote anything; the folder is let go.

        The lock says that a folder holds results, which those of photos would not be read for.
        """
        if self._lock.made and not any(os.path.lexists(self.folder / name) for name in WRITTEN):
            self._lock.take_back()
        self.close()
        remove_empty(self._made)


def _check_foreign(folder: Path) -> None:
    """See to it that a first run into a folder writes over nothing that lies there.

    Raises:
        OutputError: something is called like a result.
    """
    known = any(all(os.path.lexists(folder / n) for n in names) for names in MARKS_OF_RESULTS)
    if known or os.path.lexists(folder / GROUPS_FILE):
        return
    sheets = folder / SHEETS_FOLDER
    there = [name for name in WRITTEN_OVER if os.path.lexists(folder / name)]
    if sheets.is_dir():
        names = (path.name for path in sheets.iterdir())
        there += [f"{SHEETS_FOLDER}/{name}" for name in names if SHEET_NAME.fullmatch(name)]
    if there:
        raise OutputError(
            f"{printable(folder)} has {there[0]}, which is of no run of this program and would be "
            "written over; move it or choose another output folder"
        )
