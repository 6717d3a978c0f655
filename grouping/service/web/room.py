"""Whether an error means that a disk is full, wherever it came from."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator

FULL = (errno.ENOSPC, errno.EDQUOT)
DISK_FULL = "53100"  # SQLSTATE of PostgreSQL
MOST_CAUSES = 10


def no_room(error: BaseException) -> bool:
    """Whether an error, or one that led to it, says that there is no room on a disk.

    Args:
        error: of a file, of the store or of the program, which may hide where it comes from.
    """
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.errno in FULL:
            return True
        if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            return True
        if getattr(cause, "sqlstate", None) == DISK_FULL:
            return True
    return False


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that led to it, also where it hides them."""
    cause: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if cause is None:
            return
        yield cause
        cause = getattr(cause, "orig", None) or cause.__cause__ or cause.__context__
