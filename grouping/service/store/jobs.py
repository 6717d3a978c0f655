"""The queue of jobs: taken with a lease, so that no two processes ever work on one album.

A job is kept alive by a heartbeat. Where that ends, since its process was killed, another one takes
it over once the lease is over; what the first one had found is in the album's cache.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, insert, or_, select, update

from grouping.service.store.records import (
    DELETING,
    DONE,
    FAILED,
    QUEUED,
    RUNNING,
    AlbumRecord,
    record_of,
)
from grouping.service.store.store import Store
from grouping.service.store.tables import albums, notices

# A job that ended its process so often (by a photo that takes all memory) is not begun again.
MOST_STARTS = 10
CLOCKS = 10  # times its own lease, that one of another process may be longer
GIVEN_UP = f"the job ended the process {MOST_STARTS} times; look into the log of the service"


@dataclass(frozen=True)
class Job:
    """An album to be grouped, taken by this process.

    Attributes:
        album: as it was when it was taken; ``album.wanted`` is what the job will have done.
        lease: says that it is ours.
    """

    album: AlbumRecord
    lease: str


@dataclass(frozen=True)
class Notice:
    """What a webhook is told of the end of a job, written in the same transaction."""

    id: str
    url: str
    body: bytes


class JobStore:
    """Jobs; every method is one transaction.

    Args:
        store: the database.
        lease_seconds: without a heartbeat, after which a job is free for others.
    """

    def __init__(self, store: Store, lease_seconds: float) -> None:
        self._store = store
        self._seconds = lease_seconds

    def claim(self) -> Job | None:
        """Take the job that waits longest, or whose process died; None where there is none."""
        with self._store.writing() as connection:
            now = self._store.now(connection)
            while (
                row := connection.execute(_first_free(now, CLOCKS * self._seconds)).first()
            ) is not None:
                if row.starts < MOST_STARTS:
                    lease = secrets.token_urlsafe(16)
                    taken = {"state": RUNNING, "lease": lease, "starts": row.starts + 1}
                    taken |= {"lease_until": now + self._seconds, "error": None}
                    self._set(connection, row.id, taken)
                    return Job(record_of(row), lease)
                self._set(connection, row.id, {**_FREE, "state": FAILED, "error": GIVEN_UP})
        return None

    def beat(self, job: Job, progress: Mapping[str, int]) -> bool:
        """Say that the job goes on; False where it is not ours any more, or the album is gone."""
        with self._store.writing() as connection:
            row = self._mine(connection, job)
            if row is None or row.state == DELETING:
                return False
            until = self._store.now(connection) + self._seconds
            values = {"lease_until": until, "progress": json.dumps(dict(progress))}
            self._set(connection, job.album.id, values)
            return True

    def finish(
        self,
        job: Job,
        *,
        progress: Mapping[str, int],
        counts: Mapping[str, int],
        failures: Mapping[str, int],
        notice: Notice | None = None,
    ) -> bool:
        """Keep what a job gave; where more was asked for meanwhile, the album waits again.

        Returns:
            False where the job is not ours any more, or the album is gone: nothing was changed.
        """
        with self._store.writing() as connection:
            row = self._mine(connection, job)
            if row is None or self._was_deleted(connection, row):
                return False
            now = self._store.now(connection)
            more = row.wanted > job.album.wanted
            values: dict[str, Any] = {
                **{**_FREE, "state": QUEUED if more else DONE, "done": job.album.wanted},
                **{"runs": row.runs + 1, "changed": now, "queued": now, "error": None},
                "progress": json.dumps(dict(progress)),
                "counts": json.dumps(dict(counts)),
                "failures": json.dumps(dict(failures)),
            }
            self._set(connection, row.id, values)
            _add_notice(connection, row, notice, now)
            return True

    def fail(self, job: Job, reason: str, notice: Notice | None = None) -> bool:
        """Say why a job cannot be done; returns as :meth:`finish`."""
        with self._store.writing() as connection:
            row = self._mine(connection, job)
            if row is None or self._was_deleted(connection, row):
                return False
            now = self._store.now(connection)
            more = row.wanted > job.album.wanted
            values = {**_FREE, "state": QUEUED if more else FAILED, "changed": now, "queued": now}
            self._set(connection, row.id, {**values, "error": reason})
            _add_notice(connection, row, notice, now)
            return True

    def put_back(self, job: Job) -> bool:
        """Let another process, or the next start of this one, go on with a job at once."""
        with self._store.writing() as connection:
            row = self._mine(connection, job)
            if row is None:
                return False
            state = row.state if row.state == DELETING else QUEUED
            values = {"state": state, "lease": None, "lease_until": None}
            self._set(connection, row.id, {**values, "starts": max(0, row.starts - 1)})
            return True

    def _was_deleted(self, connection: Connection, row: Row[Any]) -> bool:
        """Whether callers erased an album meanwhile; it is let go of, so that its files can go."""
        if row.state == DELETING:
            self._set(connection, row.id, _FREE)
        return bool(row.state == DELETING)

    def _mine(self, connection: Connection, job: Job) -> Row[Any] | None:
        query = select(albums).where(albums.c.id == job.album.id, albums.c.lease == job.lease)
        return connection.execute(query.with_for_update()).first()

    def _set(self, connection: Connection, id: str, values: Mapping[str, Any]) -> None:
        connection.execute(update(albums).where(albums.c.id == id).values(dict(values)))


def _first_free(now: float, longest: float) -> Any:
    """The next job; a lease that ends later than one can is from before the clock was put back."""
    over = or_(albums.c.lease_until < now, albums.c.lease_until > now + longest)
    died = and_(albums.c.state == RUNNING, over)
    query = select(albums).where(or_(albums.c.state == QUEUED, died))
    return query.order_by(albums.c.queued, albums.c.id).limit(1).with_for_update(skip_locked=True)


_FREE: dict[str, Any] = {"lease": None, "lease_until": None, "starts": 0}


def _add_notice(connection: Connection, row: Row[Any], notice: Notice | None, now: float) -> None:
    if notice is not None:
        values = {"id": notice.id, "album": row.id, "key_id": row.key_id, "url": notice.url}
        connection.execute(
            insert(notices).values({**values, "body": notice.body, "tries": 0, "due": now})
        )
