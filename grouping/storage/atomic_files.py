"""Files that are either there in full or not there: written aside, then renamed."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any

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
        if not path.is_dir():
            path.mkdir(mode=0o700)
    except OSError as error:
        raise write_error(path, error) from error
    return path


def write_error(path: Path, error: OSError) -> OutputError:
    """The one-line error for a file or folder that could not be written."""
    return OutputError(
        f"cannot write {path}: {error.strerror or error}; "
        "free some space or choose another output folder"
    )
