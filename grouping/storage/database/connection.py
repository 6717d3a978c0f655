"""The SQLite file under the cache: opened safely, moved aside when damaged, emptied for good.

Write-ahead logging makes every commit atomic, also when the process is killed, and lets one
process read while another writes. ``secure_delete`` overwrites what is deleted with zeros.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grouping.errors import CacheError
from grouping.storage.atomic_files import remedy
from grouping.storage.database.schema import (
    MIGRATIONS,
    SCHEMA,
    SCHEMA_VERSION,
    DamagedError,
    bound,
    check_kinds,
    check_tables,
    migrate,
)
from grouping.storage.locations import FileIdentity, file_identity, printable
from grouping.storage.result_folder import CACHE_FILE

log = logging.getLogger(__name__)

APPLICATION_ID = 0x46434743  # "FCGC", in the file's header
SQLITE_HEADER = b"SQLite format 3\0"
BUSY_SECONDS = 30.0
DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
REMEDIES = {
    sqlite3.SQLITE_FULL: "free some space or ",
    sqlite3.SQLITE_READONLY: "make it and its folder writable for you or ",
    sqlite3.SQLITE_CANTOPEN: "make it and its folder writable for you or ",
    sqlite3.SQLITE_BUSY: "end the other run that uses it or ",
    sqlite3.SQLITE_LOCKED: "end the other run that uses it or ",
}


def open_database(path: Path) -> tuple[sqlite3.Connection, FileIdentity]:
    """Open the cache, making it where there is none; a damaged one is moved aside first.

    Raises:
        CacheError: no cache can be opened there.
    """
    for _ in range(2):
        identity, mode = _make_private(path)
        try:
            return _open(path), identity
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                if not is_ours(path):
                    os.chmod(path, mode)
                raise cache_error(path, error) from error
            if not is_ours(path):
                os.chmod(path, mode)
                raise CacheError(
                    f"{printable(path)} is a file of another program; "
                    "name another file with --cache"
                ) from error
            move_aside(path, identity)
        except CacheError:
            os.chmod(path, mode)
            raise
    raise CacheError(f"the cache {printable(path)} is damaged time and again; check the disk")


def is_ours(path: Path) -> bool:
    """Return whether a file is a cache or was one, by its name or what is left of it."""
    with path.open("rb") as file:
        head = file.read(72)
    ours = head.startswith(SQLITE_HEADER) and head[68:] == APPLICATION_ID.to_bytes(4, "big")
    return ours or path.name == CACHE_FILE


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is broken, rather than locked, full or forbidden."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in DAMAGE


@contextmanager
def damage_recognised() -> Iterator[None]:
    """Raise what is damage as such: sqlite3 fails at messages that quote a damaged name."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DamagedError("a name in it is no text") from error


def move_aside(path: Path, identity: FileIdentity) -> None:
    """Rename a damaged cache and what belongs to it, so that a new one can begin.

    Args:
        path: the cache.
        identity: of the file found damaged; where another process has begun a new file in
            its place already, nothing happens.
    """
    if path.exists() and file_identity(os.stat(path)) != identity:
        return
    suffix = f".damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    for part in _parts(path):
        with suppress(FileNotFoundError):  # another process was quicker
            part.rename(part.with_name(part.name + suffix))
    log.warning("the cache %s was damaged; moved aside, a new one begins", printable(path))


def scrub(connection: sqlite3.Connection, path: Path) -> None:
    """Leave no deleted byte in any file of the cache, including those once moved aside.

    Raises:
        CacheError: another process holds the cache open, so that old pages may remain.
    """
    connection.execute("VACUUM")
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise CacheError(f"another run is using {printable(path)}; end it, then try again")
    for part in _damaged(path):
        part.unlink()


def database_files(path: Path) -> list[Path]:
    """Return the files of a cache that are there: itself, its logs, and what was moved aside."""
    return [part for part in (*_parts(path), *_damaged(path)) if os.path.lexists(part)]


def has_damaged(path: Path) -> bool:
    """Whether there are caches of this name that were moved aside: nobody knows what they hold."""
    return bool(_damaged(path))


def cache_error(path: Path, error: Exception) -> CacheError:
    """The one-line error for a cache that is out of reach, locked or on a full disk."""
    return CacheError(
        f"the cache {printable(path)} cannot be used: {_reason(error)}; "
        f"{_remedy(error)}name a file on a local disk with --cache"
    )


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _remedy(error: Exception) -> str:
    """What may help besides another place, with an "or" behind it; empty for nothing."""
    if isinstance(error, OSError):
        return remedy(error)
    return REMEDIES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    # Damaged text is to fail its row's checksum, not the statement.
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        with damage_recognised():
            _prepare(connection, path)
    except (sqlite3.DatabaseError, CacheError):
        connection.close()
        raise
    return connection


def _make_private(path: Path) -> tuple[FileIdentity, int]:
    """SQLite gives its other files the mode of the first, so the mode comes first.

    Returns what file it is, and the mode that it had.

    A file that is there is not opened: closing it again would release the locks that other
    connections of this process hold on it (POSIX; sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        before = os.stat(path)
        if not stat.S_ISREG(before.st_mode):
            raise CacheError(f"{printable(path)} is not a file; name a file with --cache")
        os.chmod(path, 0o600)
        return file_identity(before), stat.S_IMODE(before.st_mode)
    except OSError as error:
        if isinstance(error, CacheError):
            raise
        raise cache_error(path, error) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    bound(connection)
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")  # VACUUM would copy vectors to /tmp
    tables, *origin = _origin(connection)
    if tables and origin not in ([APPLICATION_ID, v] for v in (*MIGRATIONS, SCHEMA_VERSION)):
        raise CacheError(
            f"{printable(path)} is a database of another program or version; "
            "name another file with --cache"
        )
    check_kinds(connection)
    _log_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    if not tables:
        connection.executescript(
            f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION_ID};"
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
        )
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DamagedError(verdict)
    migrate(connection)
    check_tables(connection)


def _origin(connection: sqlite3.Connection) -> list[int]:
    """Number of tables, application and schema version, all of one moment."""
    connection.execute("BEGIN")
    queries = ("SELECT count(*) FROM sqlite_schema", "PRAGMA application_id", "PRAGMA user_version")
    found = [int(connection.execute(query).fetchone()[0]) for query in queries]
    connection.execute("COMMIT")
    return found


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; for this SQLite itself does not wait for other processes."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > give_up:
                raise
        time.sleep(0.01)


def _damaged(path: Path) -> list[Path]:
    names = (part for part in path.parent.iterdir() if part.name.startswith(path.name))
    return [part for part in names if ".damaged-" in part.name]


def _parts(path: Path) -> list[Path]:
    return [path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")]
