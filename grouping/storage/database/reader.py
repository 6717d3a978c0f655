"""Faces of many photos out of a cache of which nothing is changed, made or moved aside.

:class:`grouping.storage.cache.Cache` is for runs, which write. Whoever only asks may not make a
cache where there is none, nor move a damaged one aside, and may ask on a disk that is read-only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from grouping.errors import CacheError
from grouping.records import QUALITY_MEASURES, RECOGNITION_SIGNS, FaceSet, Int64
from grouping.storage.database.connection import APPLICATION_ID, BUSY_SECONDS
from grouping.storage.database.rows import (
    DETECTION_COLUMNS,
    EMBEDDING_COLUMNS,
    Row,
    checksum,
    detection_checksum,
    to_array,
)
from grouping.storage.database.schema import SCHEMA_VERSION, bound, check_kinds
from grouping.storage.locations import printable

DETECTION = f"SELECT {DETECTION_COLUMNS}, checksum FROM detections WHERE sha256=? AND detector=?"
EMBEDDING = (
    f"SELECT {EMBEDDING_COLUMNS}, checksum FROM embeddings "
    "WHERE sha256=? AND detector=? AND model=?"
)


@dataclass(frozen=True, eq=False)
class CachedFaces:
    """What a cache knows of some photos, all faces in one.

    Attributes:
        counts: (p,) int64, the faces of each photo; 0 also where nothing is known of it.
        faces: theirs, in the order of the photos; ``photo_index`` is the place of the photo.
    """

    counts: Int64
    faces: FaceSet


def read_faces(path: Path, contents: Sequence[str], detector: str, model: str) -> CachedFaces:
    """Read what a cache knows of photos.

    Args:
        path: the cache.
        contents: SHA-256 of each photo's bytes, hex.
        detector, model: the keys under which results are kept.

    Raises:
        CacheError: there is no cache, or it is damaged or of another program or version.
    """
    try:
        with closing(_open(path)) as connection:
            _check_origin(connection, path)
            rows = [_blobs(connection, content, detector, model) for content in contents]
    except sqlite3.DatabaseError as error:
        raise CacheError(
            f"the cache {printable(path)} cannot be read: {error}; group the album again to "
            "have a new one"
        ) from error
    counts = np.array([0 if row is None else len(row.scores) // 4 for row in rows], np.int64)
    try:
        return CachedFaces(counts, _joined([row for row in rows if row is not None], counts))
    except ValueError as error:  # columns that do not go together, or vectors that are none
        raise CacheError(
            f"the cache {printable(path)} is damaged; group the album again to have a new one"
        ) from error


class _Blobs(NamedTuple):
    """The columns of the faces of one photo, as they are stored."""

    boxes: bytes
    scores: bytes
    landmarks: bytes
    measures: bytes
    embeddings: bytes
    signs: bytes
    quality: bytes


def _blobs(
    connection: sqlite3.Connection, content: str, detector: str, model: str
) -> _Blobs | None:
    """What is known of one photo; a row that was damaged on disk, or is none of ours, is absent."""
    names = (content, detector)
    row: Row | None = connection.execute(DETECTION, names).fetchone()
    if row is None or row[-1] != detection_checksum(*names, row[:-1]):
        return None
    vectors: Row | None = connection.execute(EMBEDDING, (*names, model)).fetchone()
    if vectors is None or vectors[-1] != checksum(*names, model, *vectors[:-1]):
        return None
    _, _, boxes, scores, landmarks, _, measures, *_ = row
    blobs = _Blobs(boxes, scores, landmarks, measures, *vectors[:-1])
    return blobs if all(isinstance(blob, bytes) for blob in blobs) else None


def _joined(rows: Sequence[_Blobs], counts: Int64) -> FaceSet:
    """The faces of all photos; ``counts`` (p,) int64 of each, those without any too."""
    n = int(counts.sum())
    if not n:
        return FaceSet.empty()
    columns = _Blobs(*(b"".join(parts) for parts in zip(*rows, strict=True)))
    photos = np.repeat(np.arange(len(counts)), counts)
    return FaceSet(
        photo_index=photos.astype(np.int32),
        boxes=to_array(columns.boxes, n, 4),
        scores=to_array(columns.scores, n),
        landmarks=to_array(columns.landmarks, n, 5, 2),
        quality=to_array(columns.quality, n),
        measures=to_array(columns.measures, n, len(QUALITY_MEASURES)),
        embeddings=to_array(columns.embeddings, n, -1),
        signs=to_array(columns.signs, n, len(RECOGNITION_SIGNS)),
    )


def _open(path: Path) -> sqlite3.Connection:
    """Open what is there; on a disk that takes no lock files as a file that nobody writes."""
    if not path.is_file():
        raise CacheError(f"there is no cache {printable(path)}")
    try:
        return _connected(path, "mode=rw")  # without a right to write it is opened for reading
    except sqlite3.OperationalError as error:
        no_lock = error.sqlite_errorcode & 0xFF in (
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_READONLY,
        )
        if not no_lock or _is_written(path):
            raise
    return _connected(path, "mode=ro&immutable=1")


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?{mode}"
    connection = sqlite3.connect(address, timeout=BUSY_SECONDS, uri=True)
    try:
        bound(connection)
        connection.execute("SELECT count(*) FROM sqlite_schema")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _is_written(path: Path) -> bool:
    """Whether there is a log of changes that the file itself does not have yet."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _check_origin(connection: sqlite3.Connection, path: Path) -> None:
    origin = [
        int(connection.execute(query).fetchone()[0])
        for query in ("PRAGMA application_id", "PRAGMA user_version")
    ]
    if origin != [APPLICATION_ID, SCHEMA_VERSION]:
        raise CacheError(
            f"{printable(path)} is a database of another program or version; "
            "group the album again to have a new cache"
        )
    check_kinds(connection)
