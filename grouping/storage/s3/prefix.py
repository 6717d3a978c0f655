"""Results under a prefix in S3: written to a local folder, then brought there whole.

What a run that was killed left there the next one removes (:mod:`grouping.storage.s3.leftovers`).
"""

from __future__ import annotations

import logging
import os
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from grouping.errors import FetchError, OutputError
from grouping.storage.atomic_files import write_bytes, write_error
from grouping.storage.destinations import Destination
from grouping.storage.locations import printable
from grouping.storage.result_folder import GROUPS_FILE, SUBFOLDERS, WRITTEN_OVER
from grouping.storage.s3.client import S3Options, split_url
from grouping.storage.s3.leftovers import (
    INCOMPLETE,
    clear_killed_runs,
    empty,
    place_of,
    temporary_folder,
)
from grouping.storage.s3.objects import S3Objects

log = logging.getLogger(__name__)

PARALLEL = 8
MOST_RECALLED = 4 * 2**30  # bytes of one file
PROBE = "probe"
KEPT = "face-groups-not-uploaded-"  # folders of results; no name of a temporary folder


class S3Prefix(Destination):
    """A prefix in a bucket, filled from a temporary folder."""

    def __init__(self, url: str, options: S3Options | None = None) -> None:
        options = options or S3Options()
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

        The results of hours are not lost with it: they stay on this machine, and the error says
        where. At the end there is what this run made. What earlier runs made there and this one did
        not, such as pictures of somebody who is in no group now, is removed.
        """
        names = _names(self.folder)
        changed = [name for name in names if not self._is_as_recalled(name)]
        self._clean = False
        try:
            _in_parallel(self._upload, changed)
            _in_parallel(self._complete, [name for name in changed if name != GROUPS_FILE])
            if GROUPS_FILE in changed:
                self._complete(GROUPS_FILE)
        except FetchError as error:
            kept = printable(self._keep())
            raise OutputError(
                f"cannot write {self._place}: {error}; the results are in {kept}, to be uploaded "
                "from there"
            ) from error
        finally:
            self._remove_aside()
        self._remove_earlier(names)

    def close(self) -> None:
        """Remove the temporary folder; its name stays where objects are left that it stands for."""
        empty(self.folder)
        if self._clean:
            self.folder.rmdir()

    def _keep(self) -> Path:
        """Move the results to where no later run clears them away, for their owner alone.

        Raises:
            OutputError: they cannot be moved.
        """
        try:
            kept = Path(tempfile.mkdtemp(prefix=KEPT))
            for path in self.folder.iterdir():
                path.rename(kept / path.name)
        except OSError as error:
            raise write_error(Path(tempfile.gettempdir()), error) from error
        return kept

    def _try(self) -> None:
        """Find out whether something can be written, which may be refused for good.

        Whatever else is answered, it may be stored: then the folder stays, by whose name the next
        run knows what to remove.
        """
        self._clean = False
        try:
            self._objects.try_to_write(self._aside + PROBE)
        except BaseException as error:
            self._clean = isinstance(error, FetchError) and not error.retryable
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
