"""Files that are either there in full or not there: written aside, then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any, BinaryIO

from grouping.errors import OutputError

if TYPE_CHECKING:
    from PIL import Image


def write_bytes(path: Path, data: bytes) -> Path:
    """Write ``data`` to ``path``; an earlier file of that name survives a failure.

    Raises:
        OutputError: the file cannot be written (full disk, no permission).
    """
    aside = path.with_name(f".{os.getpid()}-{get_ident()}.part")
    try:
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise write_error(path, error) from error
    return path


def write_private(path: Path, write: Callable[[BinaryIO], object]) -> Path:
    """Have ``write`` fill a file that only its owner may read; an earlier one survives a failure.

    Raises:
        OutputError: the file cannot be written.
    """
    aside = path.with_name(f".{os.getpid()}-{get_ident()}.part")
    try:
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w+b") as file:
            write(file)
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


def write_private_image(path: Path, image: Image.Image) -> Path:
    """Save a picture as PNG that only its owner may read."""
    return write_private(path, lambda file: image.save(file, "PNG"))


def write_image(path: Path, image: Image.Image, **options: Any) -> Path:
    """Save a picture in the format that its suffix names; ``options`` go to Pillow."""
    encoded = BytesIO()
    image.save(encoded, {".jpg": "JPEG", ".png": "PNG"}[path.suffix], **options)
    return write_bytes(path, encoded.getvalue())


def make_folder(path: Path) -> Path:
    """Make a folder and its parents; nothing happens where it is there.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error
    return path


def make_private_folder(path: Path) -> Path:
    """Make a folder that only its owner may look into; one that is there stays as it is.

    Raises:
        OutputError: it cannot be made.
    """
    make_folder(path.parent)
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error
    return path


def write_error(path: Path, error: OSError) -> OutputError:
    """The one-line error for a file or folder that could not be written."""
    return OutputError(
        f"cannot write {path}: {error.strerror or error}; "
        "free some space or choose another output folder"
    )
