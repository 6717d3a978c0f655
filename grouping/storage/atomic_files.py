"""Files that are either there in full or not there: written aside, then renamed.

What shows faces is for its owner alone: files get mode 0600, folders 0700. Whoever wants to share
them says so, see :func:`share_results`.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any, BinaryIO

from grouping.errors import OutputError
from grouping.storage.locations import printable

if TYPE_CHECKING:
    from PIL import Image

# What a process that was killed leaves: of this program, and of no running process.
LEFT_ASIDE = re.compile(r"\.(?:[\w.]+\.)?(\d+)(?:-\d+)?\.part")

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
IN_THE_WAY = frozenset({errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENOTEMPTY})

_share = False


def share_results(*, share: bool) -> None:
    """Say whether files and folders made from now on get the modes that the umask leaves.

    By default they are for their owner alone. For the whole process, as the umask is.
    """
    global _share
    _share = share


def file_mode() -> int:
    """Return the mode of a new file, before the umask."""
    return 0o666 if _share else 0o600


def folder_mode() -> int:
    """Return the mode of a new folder, before the umask."""
    return 0o777 if _share else 0o700


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> Path:
    """Write ``data`` to ``path``; an earlier file of that name survives a failure.

    Args:
        path: the file.
        data: its bytes.
        durable: have them on the disk before the name appears, so that a power cut leaves the
            earlier file or this one. False for what is checked when it is read, and made again.

    Raises:
        OutputError: the file cannot be written (full disk, no permission).
    """
    aside = path.with_name(f".{os.getpid()}-{get_ident()}.part")
    try:
        with open(aside, "wb", opener=new_file) as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise write_error(path, error) from error
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return path


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Have ``write`` fill a file, open for reading and writing; an earlier one survives a failure.

    Raises:
        OutputError: the file cannot be written.
    """
    aside = path.with_name(f".{os.getpid()}-{get_ident()}.part")
    try:
        with open(new_file(str(aside), 0), "w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        aside.unlink(missing_ok=True)
    return path


def check_place(path: Path) -> None:
    """Find out before long work whether a file can be written there; its folder is made.

    Raises:
        OutputError: it cannot, or a folder of that name is there.
    """
    make_folder(path.parent)
    if path.is_dir():
        raise write_error(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if not os.access(path.parent, os.W_OK):
        raise write_error(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def write_image(path: Path, image: Image.Image, *, durable: bool = True, **options: Any) -> Path:
    """Save a picture in the format that its suffix names; ``options`` go to Pillow."""
    encoded = BytesIO()
    image.save(encoded, {".jpg": "JPEG", ".png": "PNG"}[path.suffix], **options)
    return write_bytes(path, encoded.getvalue(), durable=durable)


def make_folder(path: Path) -> Path:
    """Make a folder and its parents; nothing happens where it is there.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=folder_mode(), exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error
    return path


def remove_files(paths: Iterable[Path]) -> None:
    """Remove files, all that can be.

    Raises:
        OutputError: one cannot be removed; names the first.
    """
    failed: list[OutputError] = []
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            failed.append(
                OutputError(
                    f"cannot remove {printable(path)}, which may show people who are to be left "
                    f"out: {error.strerror}; make its folder writable for you and run it again"
                )
            )
    if failed:
        raise failed[0]


def missing_folders(path: Path) -> list[Path]:
    """Return which of a folder and its parents are not there, the innermost first."""
    return [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders that nothing lies in; those that hold something stay."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def taken_back_empty(path: Path) -> Iterator[None]:
    """Have a folder that is made within, and its parents, taken back where an error leaves nothing
    in it.
    """
    made = missing_folders(path)
    try:
        yield
    except BaseException:
        remove_empty(made)
        raise


def remove_leftovers(*folders: Path) -> None:
    """Remove what runs that were killed left half-written in folders.

    Only files of this program's own naming, of processes that do not run any more.
    """
    for folder in folders:
        for path in folder.glob(".*.part"):
            found = LEFT_ASIDE.fullmatch(path.name)
            if found and not is_running(int(found[1])):
                with suppress(OSError):
                    path.unlink()


def is_running(process: int) -> bool:
    """Return whether there is a process of this number."""
    if process == os.getpid() or sys.platform == "win32":  # where signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of somebody else
        return True
    return True


def write_error(path: Path, error: OSError) -> OutputError:
    """The one-line error for a file or folder that could not be written."""
    return OutputError(
        f"cannot write {printable(path)}: {error.strerror or error}; "
        f"{remedy(error)}choose another output folder"
    )


def remedy(error: OSError) -> str:
    """Return what may help besides another place, with an "or" behind it; empty for nothing."""
    if is_full(error):
        return "free some space or "
    if error.errno in FORBIDDEN:
        return "make it writable for you or "
    if error.errno in IN_THE_WAY:
        return "see what lies in its place or "
    return ""


def is_full(error: OSError) -> bool:
    """Return whether there was no room: on the disk, in a quota, or for a file of that size."""
    return error.errno in FULL


def new_file(path: str, _flags: int) -> int:
    """Open a file of this process that was not there; a link in its place is not followed."""
    with suppress(FileNotFoundError):
        os.unlink(path)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, file_mode())
