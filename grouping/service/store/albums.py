"""Albums and their photos as the store keeps them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from grouping.service.store.store import Store
from grouping.service.store.tables import albums, notices, photos, requests

ID_BYTES = 16  # 22 characters
QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
DELETING = "deleting"  # gone for callers; files are left until the job has let go
ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class NewPhoto:
    """A photo of an album: at an address, or uploaded.

    Attributes:
        id: the caller's, a string or a whole number.
        url: its address; None for an upload.
        file: the name of an upload in the album's folder of uploads; None for an address.
    """

    id: str | int
    url: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class AlbumRecord:
    """One album.

    Attributes:
        id: 22 characters that nobody guesses.
        state: ``queued``, ``running``, ``done``, ``failed``.
        key_id: the API key that made it.
        created, changed: seconds since 1970.
        photos: how many callers named or uploaded; those below prefixes are not counted.
        settings: what callers chose.
        prefixes: addresses in S3 whose photos are the album's too.
        webhook: address that is told of the end of each job.
        progress: of the job at work or the last one.
        counts: of the results.
        failures: how many photos failed, by reason.
        error: why the last job failed.
        wanted, done: number of the last change that was asked for, and that the results hold.
        runs: jobs that were finished.
    """

    id: str
    state: str
    key_id: str
    created: float
    changed: float
    photos: int
    settings: dict[str, Any]
    prefixes: list[str]
    webhook: str | None
    progress: dict[str, int]
    counts: dict[str, int]
    failures: dict[str, int]
    error: str | None
    wanted: int
    done: int
    runs: int


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
    ) -> AlbumRecord | None:
        """Keep a new album and put it into the queue; None where that is full."""
        id = id or new_id()
        with self._store.writing() as connection:
            if waiting(connection) >= queue_length:
                return None
            now = self._store.now(connection)
            row = {
                **{"id": id, "state": QUEUED, "key_id": key_id, "webhook": webhook},
                **{"created": now, "changed": now, "queued": now, "wanted": 1, "done": 0},
                **{"photos": len(new), "starts": 0, "runs": 0},
                **{
                    "settings": json.dumps(dict(settings or {})),
                    "prefixes": json.dumps([*prefixes]),
                },
                **{"progress": "{}", "counts": "{}", "failures": "{}"},
            }
            connection.execute(insert(albums).values(row))
            _add_photos(connection, id, 0, new)
            return record_of(connection.execute(_one(id)).one())

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
    ) -> AlbumRecord | str | None:
        """Add photos to an album, or none, and have it grouped again.

        Returns:
            The album; ``"full"`` where the queue is, ``"many"`` where it would have more than
            ``most_photos``; None where there is no such album.
        """
        with self._store.writing() as connection:
            row = connection.execute(_one(id).where(albums.c.state != DELETING)).first()
            if row is None:
                return None
            waits = row.state == QUEUED
            if not waits and row.state != RUNNING and waiting(connection) >= queue_length:
                return "full"
            if row.photos + len(new) > most_photos:
                return "many"
            _add_photos(connection, id, row.photos, new)
            now = self._store.now(connection)
            named = json.loads(row.prefixes)
            values: dict[str, Any] = {
                **{"wanted": row.wanted + 1, "changed": now, "photos": row.photos + len(new)},
                "prefixes": json.dumps([*named, *(p for p in prefixes if p not in named)]),
            }
            if not waits and row.state != RUNNING:
                values |= {"state": QUEUED, "queued": now, "error": None, "starts": 0}
            connection.execute(update(albums).where(albums.c.id == id).values(values))
            return record_of(connection.execute(_one(id)).one())

    def begin_erasing(self, id: str) -> bool | None:
        """Take an album from callers, and its photos and pending notices from the store.

        Returns:
            Whether nobody works on it, so that its files can go now; None where there is none.
        """
        with self._store.writing() as connection:
            row = connection.execute(_one(id)).first()
            if row is None:
                return None
            _forget_contents(connection, id)
            gone = {"state": DELETING, "settings": "{}", "prefixes": "[]", "webhook": None}
            gone |= {"failures": "{}", "error": None}
            connection.execute(update(albums).where(albums.c.id == id).values(gone))
            return row.lease is None or row.lease_until < self._store.now(connection)

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

    def numbers(self) -> dict[str, int]:
        """Return how many albums there are in each state."""
        query = select(albums.c.state, func.count()).group_by(albums.c.state)
        with self._store.reading() as connection:
            return dict(connection.execute(query).tuples().all())


def new_id() -> str:
    """Return the id of a new album."""
    return secrets.token_urlsafe(ID_BYTES)


def waiting(connection: Connection) -> int:
    """Return how many albums wait for a job."""
    query = select(func.count()).select_from(albums).where(albums.c.state == QUEUED)
    return int(connection.execute(query).scalar_one())


def _one(id: str) -> Any:
    return select(albums).where(albums.c.id == id).with_for_update()


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


def record_of(row: Row[Any]) -> AlbumRecord:
    """Return the album of a row."""
    values = row._mapping
    names = AlbumRecord.__dataclass_fields__
    texts = ("settings", "prefixes", "progress", "counts", "failures")
    return AlbumRecord(
        **{name: json.loads(values[name]) if name in texts else values[name] for name in names}
    )
