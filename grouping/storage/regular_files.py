"""Opening files that somebody else named: pipes and devices are refused, not waited for."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from grouping.errors import FetchError


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
