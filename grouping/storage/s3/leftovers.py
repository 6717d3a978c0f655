"""What runs into S3 leave behind when they are killed: faces in temporary folders, half a bucket.

The temporary folder of a run is named after its process, the run and the place of its results:
``face-grouping-PROCESS-RUN-PLACE-...``. Where that process is gone, its folder says which objects
under ``prefix/.incomplete-RUN/`` nobody will complete. Those of other machines, of which nothing
is known here, go when they are old.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from grouping.errors import FetchError
from grouping.storage.atomic_files import is_running, write_error
from grouping.storage.s3.objects import S3Objects

log = logging.getLogger(__name__)

INCOMPLETE = ".incomplete-"
LONGEST_RUN = timedelta(days=2)  # without a file uploaded, and only the upload counts
_TEMPORARY = re.compile(r"face-grouping-(\d+)-(?:([0-9a-f]{32})-([0-9a-f]{16})-)?\w+")


@dataclass(frozen=True)
class KilledRun:
    """A run of this machine that was killed, by its temporary folder.

    Attributes:
        folder: the folder.
        run, place: as in its name; None where it has none.
    """

    folder: Path
    run: str | None
    place: str | None


def place_of(*names: str | None) -> str:
    """Return what stands for a place of results in names of folders."""
    return sha256("\0".join(name or "" for name in names).encode()).hexdigest()[:16]


def temporary_folder(run: str, place: str) -> Path:
    """Make a folder for the results of a run on their way to S3, for its owner alone.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        return Path(tempfile.mkdtemp(prefix=f"face-grouping-{os.getpid()}-{run}-{place}-"))
    except OSError as error:
        raise write_error(Path(tempfile.gettempdir()), error) from error


def empty(folder: Path) -> None:
    """Remove what is in a folder, whose name alone shows nobody; that of another user stays."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def clear_killed_runs(objects: S3Objects, prefix: str, place: str) -> None:
    """Remove what killed runs have left, on this machine and of this place in the bucket.

    Where the bucket does not let it be removed that is logged, and tried again by the next run.

    Args:
        objects: of the bucket.
        prefix: of the keys of results, empty or ending with ``/``.
        place: as :func:`place_of` gives it.
    """
    killed = list(_killed_runs())
    for run in killed:  # faces first: the rest depends on a network
        empty(run.folder)
    here = {run.run for run in killed if run.place == place}
    try:
        for incomplete in _incomplete(objects, prefix):
            run_id = incomplete.removeprefix(prefix + INCOMPLETE).rstrip("/")
            if run_id in here or _is_old(objects, incomplete):
                objects.remove_all(incomplete)
        for run_id in sorted(filter(None, here)):
            objects.end_uploads(f"{prefix}{INCOMPLETE}{run_id}/")
    except FetchError as error:
        log.warning("what an earlier run left half uploaded cannot be removed: %s", error)
        here = set()
    for run in killed:
        if run.run in here or run.run is None:
            shutil.rmtree(run.folder, ignore_errors=True)


def _killed_runs() -> Iterator[KilledRun]:
    for folder in Path(tempfile.gettempdir()).glob("face-grouping-*"):
        found = _TEMPORARY.fullmatch(folder.name)
        if found and folder.is_dir() and not folder.is_symlink() and not is_running(int(found[1])):
            yield KilledRun(folder, found[2], found[3])


def _incomplete(objects: S3Objects, prefix: str) -> list[str]:
    """Beginnings of keys under which runs upload, this one's not yet among them."""
    found = objects.listed(prefix + INCOMPLETE, below=False)
    starts = [folder["Prefix"] for folder in found if "Prefix" in folder]
    pattern = re.compile(re.escape(prefix + INCOMPLETE) + r"[0-9a-f]{32}/")
    return [start for start in starts if pattern.fullmatch(start)]


def _is_old(objects: S3Objects, incomplete: str) -> bool:
    dates: list[datetime] = [found["LastModified"] for found in objects.listed(incomplete)]
    return bool(dates) and objects.now() - max(dates) > LONGEST_RUN
