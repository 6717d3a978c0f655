"""Results of an album brought to another place as well: :func:`publish_folder`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from grouping.errors import FetchError, OutputError
from grouping.storage.destinations import open_destination
from grouping.storage.result_folder import CACHE_FILE, WRITTEN
from grouping.storage.s3.client import S3Options, split_url

PUBLISHED = tuple(name for name in WRITTEN if name != CACHE_FILE)


def publish_folder(folder: Path, place: str, options: S3Options) -> None:
    """Bring what a run wrote into a folder to ``s3://bucket/prefix``, as ``--out`` there does.

    The cache with its vectors, uploads and corrections stay where they are.

    Raises:
        OutputError: it cannot be written there; earlier results stay whole.
    """
    with open_destination(place, options) as destination:
        for name in PUBLISHED:
            _copy(folder / name, destination.folder / name)
        destination.publish()


def erase_published(place: str, options: S3Options) -> None:
    """Remove all objects below ``s3://bucket/prefix``.

    Raises:
        OutputError: some stay.
    """
    from grouping.storage.s3.objects import S3Objects

    bucket, prefix = split_url(place)
    if not prefix.strip("/"):
        raise OutputError("a whole bucket is not erased; name a prefix in it")
    try:
        S3Objects(bucket, options).remove_all(prefix.rstrip("/") + "/")
    except FetchError as error:
        raise OutputError(f"cannot erase results in S3: {error}") from error


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder of them; links cost nothing where both lie on one disk."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_link, dirs_exist_ok=True)
    elif source.exists():
        _link(str(source), str(target))


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
