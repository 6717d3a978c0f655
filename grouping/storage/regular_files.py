"""Opening files that somebody else named: pipes and devices are refused, not waited for."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from grouping.errors import FetchError, InputError


def open_regular_file(path: Path) -> BinaryIO:
    """Open a file to read.

    Raises:
        FetchError: it is a pipe, a device or a folder, which may give nothing or never end.
        OSError: it cannot be opened.
        ValueError: the path holds a NUL.
    """
    # A pipe would block for ever without O_NONBLOCK.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FetchError("is not a regular file; name a photo")
    return open(descriptor, "rb")


def read_regular_file(path: Path, most_bytes: int) -> bytes:
    """Return the bytes of a file that is a file, and not too large.

    Raises:
        OSError: it cannot be read.
        InputError: it is something else, or larger.
    """
    try:
        with open_regular_file(path) as file:
            data = file.read(most_bytes + 1)
    except FetchError:
        raise InputError(f"{path} is not a file") from None
    if len(data) > most_bytes:
        raise InputError(f"{path} is larger than {most_bytes / 1e6:g} MB; it is something else")
    return data
