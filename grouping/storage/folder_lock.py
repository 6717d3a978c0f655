"""One run at a time in a folder of results: a lock that dies with its process.

The file of the lock is written before anything else and stays, so that the folder is known for
results even where a run was killed before it had any.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

from grouping.errors import FolderInUseError
from grouping.storage.atomic_files import file_mode, write_error
from grouping.storage.locations import file_identity, printable
from grouping.storage.result_folder import LOCK_FILE


class FolderLock:
    """Held while a run writes into a folder; a context manager.

    Args:
        folder: an existing folder.

    Attributes:
        made: whether there was no such file before.

    Raises:
        FolderInUseError: another run holds it.
        OutputError: the folder cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE
        self._take(folder)
        while not self._is_there():  # the run before took its file back meanwhile
            self.close()
            self._take(folder)

    def _take(self, folder: Path) -> None:
        self.made = not os.path.lexists(self._path)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            self._handle = os.open(self._path, flags, file_mode())
        except OSError as error:
            raise write_error(self._path, error) from error
        try:
            _lock(self._handle)
        except BlockingIOError:
            holder = os.pread(self._handle, 20, 0) if hasattr(os, "pread") else b""
            os.close(self._handle)
            process = f" (process {int(holder)})" if holder.strip().isdigit() else ""
            raise FolderInUseError(
                f"another run{process} is writing to {printable(folder)}; "
                "wait until it has ended, or choose another output folder"
            ) from None
        except OSError:  # a network drive that knows no locks: no worse than without one
            pass
        with suppress(OSError):  # a full disk: the lock holds, nobody can read whose it is
            os.ftruncate(self._handle, 0)
            os.write(self._handle, f"{os.getpid()}\n".encode())

    def _is_there(self) -> bool:
        try:
            there = file_identity(os.stat(self._path, follow_symlinks=False))
        except FileNotFoundError:
            return False
        return there == file_identity(os.fstat(self._handle))

    def take_back(self) -> None:
        """Remove the file while it is held."""
        with suppress(OSError):  # where open files cannot be removed, it stays
            os.unlink(self._path)

    def close(self) -> None:
        """Let the next run in."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _lock(handle: int) -> None:
    """Lock a file for this process.

    Raises:
        BlockingIOError: another one has locked it.
        OSError: its file system knows no locks.
    """
    if sys.platform == "win32":  # pragma: no cover
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from error
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
