"""Destinations of results: a folder, or ``s3://bucket/prefix``; no reader sees half of them.

Results are always written to a local folder first. ``open_destination`` finds out before the work
whether they can be written; ``publish`` brings them to their place.

* In a folder, every file is written aside and renamed (:mod:`grouping.storage.atomic_files`).
* In S3, everything is uploaded under ``prefix/.incomplete-.../`` (multipart where large), then
  copied to its place within S3, the index file last, and removed from the temporary place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from grouping.errors import FetchError, OutputError
from grouping.storage.atomic_files import (
    is_running,
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
from grouping.storage.s3_client import S3Options, as_fetch_errors, s3_client, split_url

MULTIPART_BYTES = 8 * 2**20
PARALLEL = 8
TEMPORARY = "face-grouping-"  # folders of results on their way to S3, with the process
KEYS_PER_DELETE = 1000  # the most that S3 takes in one request


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
        self._bucket, key = split_url(url)
        self._prefix = key.rstrip("/") + "/" if key.strip("/") else ""
        self._aside = f"{self._prefix}.incomplete-{uuid.uuid4().hex}/"
        self._options = options
        with self._writing():
            self._client = s3_client(options, options.attempts)
            self._put_probe()
        _remove_abandoned()
        self._temporary = tempfile.TemporaryDirectory(prefix=f"{TEMPORARY}{os.getpid()}-")
        super().__init__(Path(self._temporary.name), printable(url))

    def recall(self, *names: str) -> None:
        """See :meth:`Destination.recall`."""
        with self._writing():
            for name in names:
                key = self._prefix + name
                try:
                    answer = self._client.get_object(
                        Bucket=self._bucket, Key=key, **self._options.payer
                    )
                except self._client.exceptions.NoSuchKey:
                    continue
                (self.folder / name).write_bytes(answer["Body"].read())

    def publish(self) -> None:
        """See :meth:`Destination.publish`; what was uploaded is removed again after an error."""
        names = _names(self.folder)
        with self._writing():
            try:
                _in_parallel(self._upload, names)
                _in_parallel(self._complete, [name for name in names if name != GROUPS_FILE])
                if GROUPS_FILE in names:
                    self._complete(GROUPS_FILE)
            finally:
                self._delete([self._aside + name for name in names])

    def close(self) -> None:
        """Remove the temporary folder."""
        self._temporary.cleanup()

    def _put_probe(self) -> None:
        key = self._aside + "probe"
        self._client.put_object(Bucket=self._bucket, Key=key, Body=b"", **self._options.payer)
        self._delete([key])

    def _upload(self, name: str) -> None:
        self._client.upload_file(
            str(self.folder / name),
            self._bucket,
            self._aside + name,
            ExtraArgs={"ContentType": _content_type(name), **self._options.payer},
            Config=_transfer_config(),
        )

    def _complete(self, name: str) -> None:
        source = {"Bucket": self._bucket, "Key": self._aside + name}
        self._client.copy(
            source,
            self._bucket,
            self._prefix + name,
            ExtraArgs=self._options.payer,
            Config=_transfer_config(),
        )

    def _delete(self, keys: list[str]) -> None:
        for start in range(0, len(keys), KEYS_PER_DELETE):
            objects = [{"Key": key} for key in keys[start : start + KEYS_PER_DELETE]]
            self._client.delete_objects(
                Bucket=self._bucket,
                Delete={"Objects": objects, "Quiet": True},
                **self._options.payer,
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Every error as OutputError."""
        from boto3.exceptions import Boto3Error

        place = printable(f"s3://{self._bucket}/{self._prefix}")
        try:
            with as_fetch_errors(self._options):
                yield
        except (FetchError, Boto3Error) as error:
            reason = str(error) if isinstance(error, FetchError) else "the upload failed"
            raise OutputError(
                f"cannot write {place}: {reason}; choose another output or try again"
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


def _remove_abandoned() -> None:
    """Remove temporary folders of runs that were killed: there are faces in them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*-*"):
        process = folder.name.removeprefix(TEMPORARY).partition("-")[0]
        mine = not folder.is_symlink() and process.isdigit() and not is_running(int(process))
        if mine:
            shutil.rmtree(folder, ignore_errors=True)  # that of another user stays


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


def _transfer_config() -> object:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(
        multipart_threshold=MULTIPART_BYTES,
        multipart_chunksize=MULTIPART_BYTES,
        use_threads=False,  # files go in parallel already
    )
