"""Where albums are on the disk: ``data/albums/ID/`` as the command line fills it, and uploads.

An id that a caller sends touches a path only after it was seen to be one of ours.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from grouping.errors import OutputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

IN_USE = "in-use.lock"
ALBUM_ID = re.compile(r"[A-Za-z0-9_-]{22}")
UPLOAD_NAME = re.compile(r"[0-9a-f]{32}")
UPLOADS = "uploads"
ALBUMS = "albums"


class AlbumFolders:
    """The folders of all albums; for the owner of the process alone.

    Args:
        data: of the service; made where it is not there.

    Raises:
        OutputError: it cannot be made.
    """

    def __init__(self, data: Path) -> None:
        self._root = data / ALBUMS
        self._lock: int | None = None
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{data} cannot be made: {error.strerror}") from None

    def is_alone(self) -> bool:
        """Say that this process takes uploads, and return whether no other one does.

        Whoever finds out that it is alone is so until :meth:`leave` or the next one starts.
        Where the system has no such locks, nobody is alone.
        """
        if fcntl is None or self._lock is not None:
            return False
        handle = os.open(self._root.parent / IN_USE, os.O_RDWR | os.O_CREAT, 0o600)
        self._lock = handle
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_SH)
            return False
        return True

    def others_may_come(self) -> None:
        """Let other processes start; they wait for each other's first look."""
        if fcntl is not None and self._lock is not None:
            with suppress(OSError):
                fcntl.flock(self._lock, fcntl.LOCK_SH)

    def leave(self) -> None:
        """Say that this process takes no uploads any more."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def has_only_uploads(self, album: str) -> bool:
        """Whether nothing but uploads was ever written for an album."""
        return {path.name for path in self.of(album).iterdir()} <= {UPLOADS}

    def of(self, album: str) -> Path:
        """Return the folder of an album, which may not be there yet.

        Raises:
            ValueError: this is no id of an album.
        """
        if not ALBUM_ID.fullmatch(album):
            raise ValueError("not the id of an album")
        return self._root / album

    def upload(self, album: str, name: str) -> Path:
        """Return the place of one upload.

        Raises:
            ValueError: this is no id of an album, or no name of an upload.
        """
        if not UPLOAD_NAME.fullmatch(name):
            raise ValueError("not the name of an upload")
        return self.of(album) / UPLOADS / name

    def new_upload(self, album: str) -> Path:
        """Return the place for a new upload, in a folder that is there."""
        path = self.upload(album, secrets.token_hex(16))
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        return path

    def erase(self, album: str) -> None:
        """Remove all of an album from the disk.

        Raises:
            OutputError: something of it stays.
        """
        folder = self.of(album)
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise OutputError(f"an album cannot be erased: {error.strerror}") from error

    def remove_uploads(self, album: str, *, keep: Collection[str], older_than: float) -> None:
        """Remove uploads that nobody knows of and that are older than so many seconds."""
        folder = self.of(album) / UPLOADS
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in keep and _age(path) > older_than:
                path.unlink(missing_ok=True)

    def age(self, album: str) -> float:
        """Return the seconds since the last upload to an album."""
        folder = self.of(album)
        return min(_age(path) for path in (folder, folder / UPLOADS))

    def known(self) -> list[str]:
        """Return the albums that have a folder."""
        return [path.name for path in self._root.iterdir() if ALBUM_ID.fullmatch(path.name)]


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")
