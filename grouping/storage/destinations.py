"""Destinations of results: a folder, or ``s3://bucket/prefix``; no reader sees half of them.

Results are always written to a local folder first. ``open_destination`` finds out before the work
whether they can be written; ``publish`` brings them to their place.

* In a folder, every file is written aside and renamed (:mod:`grouping.storage.atomic_files`).
* In S3, everything is uploaded under ``prefix/.incomplete-.../`` (multipart where large), then
  copied to its place within S3, the index file last, and removed from the temporary place.
  What a run that was killed left there the next one removes (:mod:`grouping.storage.s3_leftovers`).
"""

from __future__ import annotations

import logging
import os
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from grouping.errors import FetchError, OutputError
from grouping.storage.atomic_files import (
    make_folder,
    missing_folders,
    remove_empty,
    remove_leftovers,
    taken_back_empty,
    write_bytes,
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
from grouping.storage.s3_client import S3Options, split_url
from grouping.storage.s3_leftovers import (
    INCOMPLETE,
    clear_killed_runs,
    empty,
    place_of,
    temporary_folder,
)
from grouping.storage.s3_objects import S3Objects

log = logging.getLogger(__name__)

PARALLEL = 8
MOST_RECALLED = 4 * 2**30  # bytes of one file
PROBE = "probe"


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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_destination(out: str | Path, options: S3Options | None = None) -> Destination:
    """The place for results, tried by writing to it.

    Args:
        out: a folder (made with its parents) or ``s3://bucket/prefix``.
        options: how S3 is reached.

    Raises:
        OutputError: nothing can be written there.
    """
    if isinstance(out, str) and scheme_of(out) == "s3":
        return S3Prefix(out, options or S3Options())
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
                self._take_back()
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._take_back()

    def _take_back(self) -> None:
        """Leave no trace of a run that failed before it wrote anything; the folder is let go.

        The lock says that a folder holds results, which those of photos would not be read for.
        """
        if self._lock.made and not any(os.path.lexists(self.folder / name) for name in WRITTEN):
            self._lock.take_back()
        self.close()
        remove_empty(self._made)


class S3Prefix(Destination):
    """A prefix in a bucket, filled from a temporary folder."""

    def __init__(self, url: str, options: S3Options) -> None:
        bucket, key = split_url(url)
        self._prefix = key.rstrip("/") + "/" if key.strip("/") else ""
        self._place = printable(f"s3://{bucket}/{self._prefix}")
        run, place = uuid.uuid4().hex, place_of(options.endpoint_url, bucket, self._prefix)
        self._aside = f"{self._prefix}{INCOMPLETE}{run}/"
        self._recalled: dict[str, bytes] = {}
        with self._writing():
            self._objects = S3Objects(bucket, options)
            super().__init__(temporary_folder(run, place), printable(url))
            self._try()
            clear_killed_runs(self._objects, self._prefix, place)

    def recall(self, *names: str) -> None:
        """See :meth:`Destination.recall`."""
        with self._writing():
            for name in names:
                data = self._objects.read(self._prefix + name, MOST_RECALLED)
                if data is not None:
                    write_bytes(self.folder / name, data, durable=False)
                    self._recalled[name] = data

    def publish(self) -> None:
        """See :meth:`Destination.publish`; what was uploaded is removed again after an error.

        At the end there is what this run made. What earlier runs made there and this one did not,
        such as pictures of somebody who is in no group now, is removed.
        """
        names = _names(self.folder)
        changed = [name for name in names if not self._is_as_recalled(name)]
        with self._writing():
            self._clean = False
            try:
                _in_parallel(self._upload, changed)
                _in_parallel(self._complete, [name for name in changed if name != GROUPS_FILE])
                if GROUPS_FILE in changed:
                    self._complete(GROUPS_FILE)
            finally:
                self._remove_aside()
        self._remove_earlier(names)

    def close(self) -> None:
        """Remove the temporary folder; its name stays where objects are left that it stands for."""
        empty(self.folder)
        if self._clean:
            self.folder.rmdir()

    def _try(self) -> None:
        """Find out whether something can be written, which may be refused for good."""
        self._clean = True
        try:
            self._objects.try_to_write(self._aside + PROBE)
        except BaseException:
            self.close()
            raise
        self._remove_aside()

    def _upload(self, name: str) -> None:
        self._objects.upload(self.folder / name, self._aside + name, _content_type(name))

    def _complete(self, name: str) -> None:
        self._objects.copy(self._aside + name, self._prefix + name)

    def _is_as_recalled(self, name: str) -> bool:
        """Whether a file is what was there: it may have been edited there in the meantime."""
        known = self._recalled.get(name)
        return known is not None and (self.folder / name).read_bytes() == known

    def _remove_aside(self) -> None:
        self._clean = False
        try:
            self._objects.remove_all(self._aside)
            self._clean = True
        except FetchError as error:
            log.warning("%s cannot be removed now: %s", printable(self._aside), error)

    def _remove_earlier(self, names: Collection[str]) -> None:
        """Remove what is of an earlier run, as far as this program made it."""
        now = {self._prefix + name for name in names}
        try:
            listed = list(self._earlier_keys())
            earlier = [key for key in listed if key not in now and self._objects.is_ours(key)]
            self._objects.remove(earlier)
        except FetchError as error:
            log.warning("what earlier runs left in %s cannot be removed: %s", self._place, error)

    def _earlier_keys(self) -> Iterator[str]:
        """Keys of all objects that are named as results are."""
        files = {self._prefix + name for name in WRITTEN_OVER}
        folders = {f"{self._prefix}{name}/" for name in SUBFOLDERS}
        for found in self._objects.listed(self._prefix, below=False):
            if found.get("Key") in files:
                yield found["Key"]
            elif found.get("Prefix") in folders:
                yield from (inside["Key"] for inside in self._objects.listed(found["Prefix"]))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Every error as OutputError."""
        try:
            yield
        except FetchError as error:
            raise OutputError(
                f"cannot write {self._place}: {error}; choose another output or try again"
            ) from error


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


def _names(folder: Path) -> list[str]:
    """Files below ``folder``, as the ends of their keys."""
    return sorted(
        Path(root, file).relative_to(folder).as_posix()
        for root, _, files in os.walk(folder)
        for file in files
    )


def _in_parallel(work: Callable[[str], None], names: list[str]) -> None:
    """``work`` on all names; after an error nothing new is begun, and the error is raised."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        try:
            for done in [pool.submit(work, name) for name in names]:
                done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _content_type(name: str) -> str:
    from mimetypes import guess_type

    return guess_type(name)[0] or "application/octet-stream"
