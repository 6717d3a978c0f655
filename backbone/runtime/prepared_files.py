"""Networks made ready once and kept: for the next run, and for the worker processes of this one.

They lie in the user's cache folder, named by all that they depend on, in files that only the user
can read. Processes that map one file share its pages. Without such a folder nothing is kept.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import backbone
from backbone.errors import CheckpointError
from backbone.runtime.processor import has_bf16_units

if TYPE_CHECKING:
    from torch import nn

    from backbone.runtime.network_file import StoredNetwork

CACHE_VARIABLE = "FACE_GROUPING_CACHE"  # of the environment: the folder; empty to keep nothing
FOLDER = "photo-album-face-grouping"
SUFFIX = ".network"
MOST_KEPT = 3  # IR-50 has 87 MB
LEFT_BEHIND_SECONDS = 3600.0  # a file half written by a run that was killed


def prepared_key(*values: object) -> str:
    """Return a name for what is made from these values by this code on this machine."""
    from importlib.metadata import version

    machine = (version("torch"), has_bf16_units(), _code_digest())
    return hashlib.sha256(repr((values, machine)).encode()).hexdigest()


@cache
def _code_digest() -> str:
    """Digest of the code that makes networks ready, so that nobody has to count its versions."""
    digest = hashlib.sha256()
    with suppress(OSError):  # in an archive there is no file of a module
        for path in sorted(Path(backbone.__file__ or "").parent.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def is_prepared(key: str) -> bool:
    """Whether there is a file of this key; it may still turn out to be damaged."""
    folder = cache_folder()
    return folder is not None and (folder / f"{key}{SUFFIX}").is_file()


def find_prepared(key: str) -> StoredNetwork | None:
    """Map the network of a key, its digest compared; None where there is none that is sound."""
    from backbone.runtime.network_file import read_network

    folder = cache_folder()
    if folder is None:
        return None
    path = folder / f"{key}{SUFFIX}"
    try:
        with _opened(path) as stream:
            stored = read_network(stream)
    except OSError:
        return None
    except CheckpointError:
        with suppress(OSError):
            path.unlink()
        return None
    with suppress(OSError):
        os.utime(path)  # the ones longest unused go first
    return stored


def keep_prepared(key: str, network: nn.Module, notes: dict[str, Any]) -> bool:
    """Keep a network under a key, with notes of JSON values; tell whether that was possible.

    It is not where it has layers that no file can describe, or no file can be written.
    """
    from backbone.runtime.network_file import write_network

    folder = cache_folder()
    if folder is None:
        return False
    try:
        with _new_file(folder, key) as stream:
            write_network(stream, network, notes)
        _clear(folder, keep=f"{key}{SUFFIX}")
    except (OSError, CheckpointError):
        return False
    return True


def cache_folder() -> Path | None:
    """The folder in which networks are kept, made where it is not there; None where none can be."""
    named = os.environ.get(CACHE_VARIABLE)
    if named == "":
        return None
    try:
        folder = Path(named) if named else _usual_folder()
        if not named and not folder.parent.parent.is_dir():
            return None  # a user without a home, who shall not get one
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ours = os.name != "posix" or folder.stat().st_uid == os.getuid()
    except (OSError, RuntimeError):  # the latter: nobody knows of a home
        return None
    return folder if ours else None


def _usual_folder() -> Path:
    """Where the system has programs keep what they can make again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / FOLDER
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / FOLDER
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / FOLDER


def _opened(path: Path) -> BinaryIO:
    """Open a file of the folder: a regular one of this user's, no link."""
    flags = (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_BINARY", "O_NONBLOCK"))
    number = os.open(path, os.O_RDONLY | sum(flags))
    if os.name == "posix" and os.fstat(number).st_uid != os.getuid():
        os.close(number)
        raise PermissionError(f"{path} is somebody else's")
    return os.fdopen(number, "rb")


@contextmanager
def _new_file(folder: Path, key: str) -> Iterator[BinaryIO]:
    """A file (0600) that takes its name when it is whole; readers never see half of one."""
    number, name = tempfile.mkstemp(dir=folder, prefix=key[:16], suffix=".part")
    try:
        with os.fdopen(number, "wb") as stream:
            yield stream
        os.replace(name, folder / f"{key}{SUFFIX}")
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _clear(folder: Path, keep: str) -> None:
    """Remove what killed runs left half written, and networks unused for longest."""
    for path in folder.glob("*.part"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > LEFT_BEHIND_SECONDS:
                path.unlink()
    others = [path for path in folder.glob(f"*{SUFFIX}") if path.name != keep]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[MOST_KEPT - 1 :]:
        with suppress(OSError):
            path.unlink()
