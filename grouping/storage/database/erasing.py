"""What is deleted of a cache, and a cache erased for good: overwritten where it lies and removed,
with no need of room for it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from grouping.errors import CacheError
from grouping.storage.database.connection import cache_error, database_files, is_damage, is_ours
from grouping.storage.locations import printable

CHUNK_BYTES = 2**20
LOCK_SECONDS = 2.0
RESULT_TABLES = ("detections", "embeddings", "attributes")
TABLES = ("sources", *RESULT_TABLES)


def erase_cache(path: Path) -> None:
    """Overwrite a cache with zeros and remove it, with its logs and what was moved aside of it.

    On a file system that keeps earlier blocks (snapshots, copy on write) and on disks that level
    their wear, those are out of reach.

    Raises:
        CacheError: another run uses it, it is a file of another program, or it cannot be written.
    """
    try:
        if not is_ours(path):
            raise CacheError(
                f"{printable(path)} is a file of another program; name the cache with --cache"
            )
        _check_unused(path)
        for part in database_files(path):
            _overwrite(part)
    except OSError as error:
        if isinstance(error, CacheError):
            raise
        raise cache_error(path, error) from error


def delete_photo(connection: sqlite3.Connection, digest: str) -> None:
    """Delete all that is known of one photo."""
    for table in TABLES:
        connection.execute(f"DELETE FROM {table} WHERE sha256 = ?", (digest,))


def delete_results(
    others: Collection[str],
    detector: str,
    model: str,
    drawn: Collection[tuple[str, str]],
    connection: sqlite3.Connection,
) -> int:
    """Delete results of photos, and of other networks; return how many rows went."""
    before = connection.total_changes
    for table in RESULT_TABLES:
        connection.executemany(
            f"DELETE FROM {table} WHERE sha256 = ?", ((digest,) for digest in others)
        )
        query = f"SELECT DISTINCT sha256, detector FROM {table} WHERE detector != ?"
        foreign = [pair for pair in connection.execute(query, (detector,)) if pair not in drawn]
        connection.executemany(f"DELETE FROM {table} WHERE sha256 = ? AND detector = ?", foreign)
    connection.execute("DELETE FROM embeddings WHERE model != ?", (model,))
    return connection.total_changes - before


def _check_unused(path: Path) -> None:
    """See to it that nobody has the cache open: what he holds would be written again.

    Raises:
        CacheError: somebody has.
    """
    with closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as connection:
        try:
            # Before the first access: the index of the log is then kept in memory, not in a file.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise CacheError(
                    f"another run is using {printable(path)}; end it, then try again"
                ) from None
            if not is_damage(error) and code not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise cache_error(path, error) from error


def _overwrite(file: Path) -> None:
    """Fill a file with zeros, have them on the disk, and remove it; a link is removed alone."""
    if not file.is_symlink():
        with file.open("r+b", buffering=0) as stream:
            left = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            while left > 0:
                left -= stream.write(bytes(min(left, CHUNK_BYTES))) or 0
            os.fsync(stream.fileno())
    file.unlink()
