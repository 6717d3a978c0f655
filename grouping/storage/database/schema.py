"""The tables of the cache: made, brought up to date, and told from those of anybody else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache

from grouping.storage.database.views import VIEWS

SCHEMA_VERSION = 3
LARGEST_VALUE = 512 * 2**20  # bytes; the vectors of a hundred thousand faces have less

# Age and gender, where they were asked for; answers of attribute networks for detected faces.
ATTRIBUTES_TABLE = """
CREATE TABLE IF NOT EXISTS attributes (
    sha256 TEXT NOT NULL, detector TEXT NOT NULL, networks TEXT NOT NULL,
    age BLOB NOT NULL, male BLOB NOT NULL,
    checksum BLOB NOT NULL,
    PRIMARY KEY (sha256, detector, networks)
)
"""

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS sources (
    key TEXT NOT NULL, sha256 TEXT NOT NULL, version TEXT,
    PRIMARY KEY (key, sha256)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sources_by_content ON sources (sha256);
CREATE TABLE IF NOT EXISTS detections (
    sha256 TEXT NOT NULL, detector TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL,
    boxes BLOB NOT NULL, scores BLOB NOT NULL, landmarks BLOB NOT NULL,
    quality BLOB NOT NULL, measures BLOB NOT NULL,
    warnings TEXT NOT NULL, failure TEXT,
    checksum BLOB NOT NULL,
    rotation INTEGER, picture_hash BLOB,
    PRIMARY KEY (sha256, detector)
);
CREATE TABLE IF NOT EXISTS embeddings (
    sha256 TEXT NOT NULL, detector TEXT NOT NULL, model TEXT NOT NULL,
    vectors BLOB NOT NULL,
    checksum BLOB NOT NULL,
    signs BLOB, quality BLOB,
    PRIMARY KEY (sha256, detector, model)
);
{ATTRIBUTES_TABLE};
{";".join(VIEWS)};
"""

# From each earlier version to the next; new columns are NULL in the rows that are there.
MIGRATIONS = {
    1: (
        "ALTER TABLE detections ADD COLUMN rotation INTEGER",
        "ALTER TABLE detections ADD COLUMN picture_hash BLOB",
        "ALTER TABLE embeddings ADD COLUMN signs BLOB",
        "ALTER TABLE embeddings ADD COLUMN quality BLOB",
    ),
    2: (ATTRIBUTES_TABLE, *VIEWS),
}


class DamagedError(sqlite3.DatabaseError):
    """Damage found otherwise than by an error of SQLite, by ``quick_check`` for one."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


@cache
def _own() -> tuple[dict[str, str], frozenset[tuple[str, str, int]]]:
    """What a cache of this version holds: the kind of everything by name, and all columns."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        return _objects(connection), _columns(connection)


def _objects(connection: sqlite3.Connection) -> dict[str, str]:
    """The kind (table, view, index, trigger) of all that a database holds, by name."""
    query = "SELECT name, type FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
    return dict(connection.execute(query).fetchall())


def _columns(connection: sqlite3.Connection) -> frozenset[tuple[str, str, int]]:
    """Table, name and kind (0 a stored one, others are worked out) of all columns."""
    query = (
        "SELECT s.name, c.name, c.hidden FROM sqlite_schema s, pragma_table_xinfo(s.name) c "
        "WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite_%'"
    )
    return frozenset(connection.execute(query).fetchall())


def bound(connection: sqlite3.Connection) -> None:
    """Bound what a file that somebody else made can ask of SQLite; before the first access."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)


def check_kinds(connection: sqlite3.Connection) -> None:
    """See to it that what is asked as a table is none of somebody's views, before it is asked.

    Raises:
        sqlite3.DatabaseError: it is.
    """
    own, _ = _own()
    for name, kind in _objects(connection).items():
        if kind != own.get(name):
            raise DamagedError(f"it holds a {kind} {name}, which is not of this program")


def check_tables(connection: sqlite3.Connection) -> None:
    """See to it that a file holds what a cache of this version does, and nothing else.

    Raises:
        sqlite3.DatabaseError: it does not.
    """
    if (_objects(connection), _columns(connection)) != _own():
        raise DamagedError("its tables are not those of this program")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file of an earlier version up to date in place, in one transaction."""
    if version_of(connection) == SCHEMA_VERSION:
        return
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for version in range(version_of(connection), SCHEMA_VERSION):  # none: another was quicker
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the tables that a file says it has."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
