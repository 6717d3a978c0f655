"""The cache: results of photos on disk, so that a second run does no work twice.

Two steps lead from a photo to its results::

    place and version  --content_of-->  sha256 of its bytes  --load-->  PhotoFaces

The first saves reading an unchanged photo; the second finds a photo under any name. Detections
are kept for a detector, embeddings for a detector and a model, so that a changed model embeds
again without detecting again. Detector and model are named by digests that cover their weights
and every setting on which their results depend.

Every row carries a checksum: a row that was damaged on disk, or is none of ours, counts as absent.
Other programs read the views of :mod:`grouping.storage.database.views`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any, Self, TypeVar

from grouping.errors import CacheError, InputError
from grouping.records import FaceAttributes, Fingerprint, PhotoFaces
from grouping.storage.atomic_files import missing_folders, remove_empty
from grouping.storage.database.connection import (
    cache_error,
    damage_recognised,
    has_damaged,
    is_damage,
    move_aside,
    open_database,
    scrub,
)
from grouping.storage.database.erasing import (
    RESULT_TABLES,
    TABLES,
    delete_photo,
    delete_results,
    erase_cache,
)
from grouping.storage.database.rows import (
    ATTRIBUTE_COLUMNS,
    DETECTION_COLUMNS,
    EMBEDDING_COLUMNS,
    DetectedPhoto,
    Row,
    attribute_columns_of,
    checksum,
    columns_of,
    detection_checksum,
    embedding_columns_of,
    known_attributes,
    known_detections,
    known_faces,
)
from grouping.storage.locations import place_keys

T = TypeVar("T")


class Cache:
    """One open cache file; threads may share it, processes open their own.

    Every method raises CacheError where the file is locked for long, full or out of reach. A
    file found damaged is moved aside, and the run goes on with an empty one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._made = missing_folders(path)
        self._connection, self._identity = open_database(path)
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open the cache, making the file (mode 0600) and its folder where needed."""
        return cls(Path(path))

    def close(self) -> None:
        """Close the file; what was stored is on disk already."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close it; one that was made for a run that failed before it stored anything goes."""
        unused = kind is not None and self._is_new_and_empty()
        self.close()
        if unused:
            with suppress(CacheError):  # another run has begun to use it
                erase_cache(self.path)
            remove_empty(self._made[1:])

    def _is_new_and_empty(self) -> bool:
        if not self._made or has_damaged(self.path):
            return False
        query = " UNION ALL ".join(f"SELECT 1 FROM {table}" for table in TABLES)
        try:
            return not self._rows(f"{query} LIMIT 1", ())
        except CacheError:
            return False

    def content_of(self, fingerprint: Fingerprint | None) -> str | None:
        """The sha256 that a photo had when it was remembered, if it has not changed since."""
        if fingerprint is None or fingerprint.version is None:
            return None
        query = "SELECT sha256 FROM sources WHERE key = ? AND version = ?"
        row = self._row(query, fingerprint)
        return None if row is None else str(row[0])

    def remember(self, fingerprint: Fingerprint | None, sha256: str) -> None:
        """Note the content found at a place; ``fingerprint`` was taken before reading it."""
        if fingerprint is None:
            return
        query = "INSERT OR REPLACE INTO sources (key, version, sha256) VALUES (?, ?, ?)"
        self._run(lambda connection: connection.execute(query, (*fingerprint, sha256)), None)

    def load_detections(self, sha256: str, detector: str) -> DetectedPhoto | None:
        """What ``detector`` gave for these bytes, or None."""
        row = self._row(
            f"SELECT {DETECTION_COLUMNS}, checksum FROM detections "
            "WHERE sha256 = ? AND detector = ?",
            (sha256, detector),
        )
        return None if row is None else known_detections(sha256, detector, row)

    def load(self, sha256: str, detector: str, model: str) -> PhotoFaces | None:
        """The whole result for these bytes, or None where a part of it is missing."""
        detected = self.load_detections(sha256, detector)
        if detected is None:
            return None
        if not len(detected.detections):
            return detected.without_embeddings(sha256)
        row = self._row(
            f"SELECT {EMBEDDING_COLUMNS}, checksum FROM embeddings "
            "WHERE sha256 = ? AND detector = ? AND model = ?",
            (sha256, detector, model),
        )
        return None if row is None else known_faces(detected, sha256, detector, model, row)

    def store(self, result: PhotoFaces, detector: str, model: str) -> None:
        """Keep a result in one transaction. Failures are kept where they are for good.

        Raises:
            InputError: the result does not say of which bytes it is.
        """
        if result.sha256 is None:
            raise InputError("a result without sha256 cannot be cached")
        failure = result.failure
        if failure is not None and (failure.retryable or failure.stage != "decode"):
            return
        names = (result.sha256, detector)
        detection, embedding = columns_of(result), embedding_columns_of(result.faces)
        detection = (*names, *detection, detection_checksum(*names, detection))
        embedding = (*names, model, *embedding, checksum(*names, model, *embedding))

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"INSERT OR REPLACE INTO detections (sha256, detector, {DETECTION_COLUMNS}, "
                f"checksum) VALUES ({_places(detection)})",
                detection,
            )
            connection.execute(
                f"INSERT OR REPLACE INTO embeddings (sha256, detector, model, {EMBEDDING_COLUMNS}, "
                f"checksum) VALUES ({_places(embedding)})",
                embedding,
            )

        self._run(write, None)

    def load_attributes(self, sha256: str, detector: str, networks: str) -> FaceAttributes | None:
        """What attribute networks gave for the faces that ``detector`` found, or None."""
        names = (sha256, detector, networks)
        row = self._row(
            f"SELECT {ATTRIBUTE_COLUMNS}, checksum FROM attributes "
            "WHERE sha256 = ? AND detector = ? AND networks = ?",
            names,
        )
        return None if row is None else known_attributes(*names, row)

    def store_attributes(
        self, sha256: str, detector: str, networks: str, faces: FaceAttributes
    ) -> None:
        """Keep what attribute networks gave for the faces of a photo."""
        names, columns = (sha256, detector, networks), attribute_columns_of(faces)
        values = (*names, *columns, checksum(*names, *columns))
        statement = (
            f"INSERT OR REPLACE INTO attributes (sha256, detector, networks, {ATTRIBUTE_COLUMNS}, "
            f"checksum) VALUES ({_places(values)})"
        )
        self._run(lambda connection: connection.execute(statement, values), None)

    def forget(self, places: Iterable[str | Path]) -> list[str | Path]:
        """Remove all that is known of photos, by path or address, so that no byte stays.

        The results of a photo are those of its content, so copies of it under other names are
        forgotten too, and so is what a file at that path held earlier. Caches moved aside as
        damaged are deleted, as nobody can tell what they hold.

        Returns:
            The places of which nothing was known.

        Raises:
            CacheError: another run uses the cache; its copy of the pages may remain.
        """
        contents = {place: self.contents_at(place) for place in places}
        for digest in {digest for digests in contents.values() for digest in digests}:
            self._run(partial(delete_photo, digest=digest), None)
        self._scrub()
        return [place for place, digests in contents.items() if not digests]

    def contents(self) -> list[str]:
        """SHA-256 of all photos of which something is known."""
        query = " UNION ".join(f"SELECT sha256 FROM {table}" for table in RESULT_TABLES)
        return [str(row[0]) for row in self._rows(query, ())]

    def keep_only(
        self,
        contents: Collection[str],
        detector: str,
        model: str,
        drawn: Collection[tuple[str, str]] = (),
    ) -> None:
        """Remove the results of all other photos, detectors and models, so that no byte stays.

        Caches moved aside as damaged are deleted too. Nothing is rewritten where nothing has to go.

        Args:
            contents: SHA-256 of the photos to keep.
            detector, model: of the results to keep.
            drawn: SHA-256 of the photo and detector key, of faces that were drawn, to be kept too.

        Raises:
            CacheError: another run uses the cache; its copy of the pages may remain.
        """
        others = set(self.contents()) - set(contents)
        gone = self._run(partial(delete_results, others, detector, model, frozenset(drawn)), 0)
        if gone or has_damaged(self.path):
            self._scrub()

    def erase(self) -> None:
        """Remove everything, so that no byte of it stays; an empty file takes its place.

        Raises:
            CacheError: another run uses the cache.
        """
        with self._lock:
            self._connection.close()
            try:
                erase_cache(self.path)
            finally:
                self._connection, self._identity = open_database(self.path)

    def contents_at(self, place: str | Path) -> set[str]:
        """SHA-256 of what a photo is and was, by path or address, as far as it is known."""
        keys = place_keys(place)
        digests = [_digest(place)] if os.path.isfile(place) else [""]
        query = (
            f"SELECT sha256 FROM sources WHERE key IN ({_places(keys)}) "
            "UNION SELECT sha256 FROM detections WHERE sha256 = ?"
        )
        values = (*keys, *digests)
        return {str(row[0]) for row in self._rows(query, values)}

    def _scrub(self) -> None:
        with self._lock:
            try:
                scrub(self._connection, self.path)
            except sqlite3.DatabaseError as error:
                raise cache_error(self.path, error) from error

    def _rows(self, query: str, values: Sequence[Any]) -> list[Row]:
        nothing: list[Row] = []
        return self._run(lambda connection: connection.execute(query, values).fetchall(), nothing)

    def _row(self, query: str, values: Sequence[Any]) -> Row | None:
        return next(iter(self._rows(query, values)), None)

    def _run(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """``work`` in one transaction; ``otherwise`` where the file turns out damaged."""
        with self._lock:
            try:
                with damage_recognised(), self._connection:
                    return work(self._connection)
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise cache_error(self.path, error) from error
                self._connection.close()
                move_aside(self.path, self._identity)
                self._connection, self._identity = open_database(self.path)
                return otherwise


def _digest(place: str | Path) -> str:
    """Return the SHA-256 of a file of any size."""
    with open(place, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _places(values: Row) -> str:
    """The places of values in a statement."""
    return ", ".join("?" * len(values))
