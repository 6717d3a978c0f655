"""Albums and their photos as the store keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from grouping.service.store.records import (
    DELETING,
    DONE,
    FAILED,
    QUEUED,
    RUNNING,
    AlbumRecord,
    NewPhoto,
    QueueFullError,
    Repeat,
    RepeatError,
    TooManyPhotosError,
    new_id,
    record_of,
    unique_names,
)
from grouping.service.store.store import Store
from grouping.service.store.tables import albums, notices, photos, requests

T = TypeVar("T")

ROWS_AT_ONCE = 1000


class AlbumStore:
    """Albums; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        key_id: str,
        new: Sequence[NewPhoto],
        *,
        id: str | None = None,
        settings: Mapping[str, Any] | None = None,
        prefixes: Sequence[str] = (),
        webhook: str | None = None,
        queue_length: int,
        repeat: Repeat | None = None,
    ) -> AlbumRecord:
        """Keep a new album and put it into the queue.

        Returns:
            The album; of a request that was answered before, the one of that time.

        Raises:
            QueueFullError, RepeatError.
        """
        id = id or new_id()

        def work(connection: Connection) -> AlbumRecord:
            if (earlier := _album_of(connection, repeat)) is not None:
                return record_of(connection.execute(_one(earlier)).one())
            if waiting(connection) >= queue_length:
                raise QueueFullError
            now = self._store.now(connection)
            row = {
                **{"id": id, "state": QUEUED, "key_id": key_id, "webhook": webhook},
                **{"created": now, "changed": now, "queued": now, "wanted": 1, "done": 0},
                **{"photos": len(new), "starts": 0, "runs": 0, "prefixes": json.dumps([*prefixes])},
                **{"progress": "{}", "counts": "{}", "failures": "{}"},
                "settings": json.dumps(dict(settings or {})),
            }
            connection.execute(insert(albums).values(row))
            _add_photos(connection, id, 0, new)
            _keep(connection, repeat, id, now)
            return record_of(connection.execute(_one(id)).one())

        return self._once(work)

    def _once(self, work: Callable[[Connection], T]) -> T:
        """Work in a transaction, again where another one with the same key was faster."""
        try:
            with self._store.writing() as connection:
                return work(connection)
        except IntegrityError:
            with self._store.writing() as connection:
                return work(connection)

    def get(self, id: str) -> AlbumRecord | None:
        """Return an album; None where there is none, or it is being erased."""
        with self._store.reading() as connection:
            row = connection.execute(_one(id).where(albums.c.state != DELETING)).first()
        return None if row is None else record_of(row)

    def photos_of(self, id: str) -> list[NewPhoto]:
        """Return the photos that callers named or uploaded, in their order."""
        query = select(photos).where(photos.c.album == id).order_by(photos.c.position)
        with self._store.reading() as connection:
            rows = connection.execute(query).all()
        return [NewPhoto(json.loads(row.photo_id), row.url, row.file) for row in rows]

    def photo_of(self, id: str, position: int) -> NewPhoto | None:
        """Return one of the photos that callers named or uploaded; None past the last one."""
        query = select(photos).where(photos.c.album == id, photos.c.position == position)
        with self._store.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else NewPhoto(json.loads(row.photo_id), row.url, row.file)

    def known_ids(self, id: str, ids: Iterable[str | int]) -> set[str | int]:
        """Return those of some photo ids that the album has already."""
        texts = [json.dumps(each) for each in ids]
        found: set[str | int] = set()
        with self._store.reading() as connection:
            for start in range(0, len(texts), ROWS_AT_ONCE):
                some = texts[start : start + ROWS_AT_ONCE]
                query = select(photos.c.photo_id).where(
                    photos.c.album == id, photos.c.photo_id.in_(some)
                )
                found |= {json.loads(row.photo_id) for row in connection.execute(query)}
        return found

    def change(
        self,
        id: str,
        new: Sequence[NewPhoto] = (),
        *,
        prefixes: Sequence[str] = (),
        most_photos: int,
        queue_length: int,
        repeat: Repeat | None = None,
        meanwhile: Callable[[AlbumRecord], None] = lambda album: None,
    ) -> AlbumRecord | None:
        """Add photos to an album, or none, and have it grouped again.

        Args:
            id: of the album.
            new: photos; an upload that is called as one of the album gets a number behind its name.
            prefixes: addresses in S3.
            most_photos: that the album may have.
            queue_length: albums that may wait.
            repeat: says whether it is the same request again.
            meanwhile: called while nobody else changes the album; what it raises changes nothing.

        Returns:
            The album; None where there is no such one.

        Raises:
            QueueFullError, TooManyPhotosError, RepeatError.
        """

        def work(connection: Connection) -> AlbumRecord | None:
            row = connection.execute(_one(id).where(albums.c.state != DELETING)).first()
            if row is None or _album_of(connection, repeat) is not None:
                return None if row is None else record_of(row)
            idle = row.state not in (QUEUED, RUNNING)
            if idle and waiting(connection) >= queue_length:
                raise QueueFullError
            if row.photos + len(new) > most_photos:
                raise TooManyPhotosError
            meanwhile(record_of(row))
            now = self._store.now(connection)
            _add_photos(connection, id, row.photos, _named_apart(connection, id, new))
            _keep(connection, repeat, id, now)
            named = json.loads(row.prefixes)
            values: dict[str, Any] = {
                **{"wanted": row.wanted + 1, "changed": now, "photos": row.photos + len(new)},
                "prefixes": json.dumps([*named, *(p for p in prefixes if p not in named)]),
            }
            if idle:
                values |= {"state": QUEUED, "queued": now, "error": None, "starts": 0}
            connection.execute(update(albums).where(albums.c.id == id).values(values))
            return record_of(connection.execute(_one(id)).one())

        return self._once(work)

    def begin_erasing(self, id: str, older_than: float | None = None) -> bool | None:
        """Take an album from callers, and its photos and pending notices from the store.

        Args:
            id: of the album.
            older_than: seconds since the last change, without which it stays; an album that was
                changed since it was listed is not too old any more. None: whatever its age.

        Returns:
            Whether nobody works on it, so that its files can go now; None where there is none, or
            it stays.
        """
        with self._store.writing() as connection:
            row = connection.execute(_one(id)).first()
            if row is None or not self._is_due(connection, row, older_than):
                return None
            _forget_contents(connection, id)
            gone = {"state": DELETING, "settings": "{}", "prefixes": "[]", "webhook": None}
            gone |= {"failures": "{}", "error": None}
            connection.execute(update(albums).where(albums.c.id == id).values(gone))
            return row.lease is None or row.lease_until < self._store.now(connection)

    def _is_due(self, connection: Connection, row: Any, older_than: float | None) -> bool:
        """Whether a caller erased an album, or it is done and too old; None: of any age."""
        if older_than is None:
            return True
        old = row.changed < self._store.now(connection) - older_than
        return row.state == DELETING or (row.state in (DONE, FAILED) and old)

    def is_idle(self, id: str) -> bool:
        """Whether an album is there that no job waits for or works on."""
        with self._store.reading() as connection:
            row = connection.execute(_one(id)).first()
        return row is not None and row.state in (DONE, FAILED) and row.lease is None

    def erase(self, id: str) -> None:
        """Forget an album whose files are gone."""
        with self._store.writing() as connection:
            _forget_contents(connection, id)
            connection.execute(delete(albums).where(albums.c.id == id))
        self._store.forget_erased()

    def to_erase(self, older_than: float | None) -> list[str]:
        """Return albums that nobody works on and that callers erased, or that are too old.

        Args:
            older_than: seconds since the last change; None for those of callers alone.
        """
        with self._store.reading() as connection:
            now = self._store.now(connection)
            free = albums.c.lease.is_(None) | (albums.c.lease_until < now)
            asked = albums.c.state == DELETING
            if older_than is not None:
                ended = albums.c.state.in_([DONE, FAILED])
                asked = asked | (ended & (albums.c.changed < now - older_than))
            rows = connection.execute(select(albums.c.id).where(free & asked)).all()
        return [row.id for row in rows]

    def waiting(self) -> int:
        """Return how many albums wait for a job."""
        with self._store.reading() as connection:
            return waiting(connection)

    def uploads(self, id: str) -> set[str] | None:
        """Return the names of an album's uploads; None where there is no such album."""
        query = select(photos.c.file).where(photos.c.album == id, photos.c.file.is_not(None))
        with self._store.reading() as connection:
            if connection.execute(select(albums.c.id).where(albums.c.id == id)).first() is None:
                return None
            return {str(row.file) for row in connection.execute(query)}

    def forget_requests(self, seconds: float) -> None:
        """Let go of keys of requests that are older."""
        with self._store.writing() as connection:
            before = self._store.now(connection) - seconds
            connection.execute(delete(requests).where(requests.c.created < before))

    def numbers(self) -> dict[str, int]:
        """Return how many albums there are in each state."""
        counted = select(albums.c.state, func.count().label("number"))
        with self._store.reading() as connection:
            rows = connection.execute(counted.group_by(albums.c.state)).all()
        return {row.state: row.number for row in rows}


def _album_of(connection: Connection, repeat: Repeat | None) -> str | None:
    """Return the album of the same request before; None where this is the first.

    Raises:
        RepeatError: the key was that of another request.
    """
    if repeat is None:
        return None
    query = select(requests).where(
        requests.c.key_id == repeat.key_id, requests.c.request_key == repeat.request_key
    )
    row = connection.execute(query).first()
    if row is not None and row.digest != repeat.digest:
        raise RepeatError
    return None if row is None else str(row.album)


def _keep(connection: Connection, repeat: Repeat | None, album: str, now: float) -> None:
    if repeat is not None:
        values = {"key_id": repeat.key_id, "request_key": repeat.request_key}
        values |= {"digest": repeat.digest, "album": album}
        connection.execute(insert(requests).values({**values, "created": now}))


def waiting(connection: Connection) -> int:
    """Return how many albums wait for a job."""
    query = select(func.count()).select_from(albums).where(albums.c.state == QUEUED)
    return int(connection.execute(query).scalar_one())


def _one(id: str) -> Any:
    return select(albums).where(albums.c.id == id).with_for_update()


def _named_apart(connection: Connection, id: str, new: Sequence[NewPhoto]) -> list[NewPhoto]:
    """The photos; uploads by names that the album has none of."""
    uploads = [photo for photo in new if photo.file is not None]
    if not uploads:
        return [*new]
    rows = connection.execute(select(photos.c.photo_id).where(photos.c.album == id))
    known = [json.loads(row.photo_id) for row in rows]
    names = iter(unique_names([str(photo.id) for photo in uploads], known))
    return [photo if photo.file is None else replace(photo, id=next(names)) for photo in new]


def _add_photos(connection: Connection, id: str, first: int, new: Sequence[NewPhoto]) -> None:
    rows = [
        {
            **{"album": id, "position": first + place, "photo_id": json.dumps(photo.id)},
            **{"url": photo.url, "file": photo.file},
        }
        for place, photo in enumerate(new)
    ]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        connection.execute(insert(photos), rows[start : start + ROWS_AT_ONCE])


def _forget_contents(connection: Connection, id: str) -> None:
    connection.execute(delete(photos).where(photos.c.album == id))
    connection.execute(delete(notices).where(notices.c.album == id))
    connection.execute(delete(requests).where(requests.c.album == id))
