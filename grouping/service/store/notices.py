"""Notices to webhooks that are still to be delivered: taken with a lease, as jobs are."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, or_, select, update

from grouping.service.store.store import Store
from grouping.service.store.tables import notices

LEASE_SECONDS = 60.0  # more than one try takes


@dataclass(frozen=True)
class DueNotice:
    """A notice that this process is to deliver now.

    Attributes:
        id: the same at every try.
        key_id: the API key that made the album.
        url: where to.
        body: JSON.
        tries: how many there were before.
    """

    id: str
    key_id: str
    url: str
    body: bytes
    tries: int


class NoticeStore:
    """Notices; every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def claim(self) -> DueNotice | None:
        """Take the notice that is due longest; None where there is none."""
        with self._store.writing() as connection:
            now = self._store.now(connection)
            free = or_(notices.c.lease_until.is_(None), notices.c.lease_until < now)
            query = select(notices).where(notices.c.due <= now, free).order_by(notices.c.due)
            row = connection.execute(query.limit(1).with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            taken = update(notices).where(notices.c.id == row.id)
            connection.execute(taken.values(lease_until=now + LEASE_SECONDS))
            return DueNotice(row.id, row.key_id, row.url, row.body, row.tries)

    def done(self, id: str) -> None:
        """Let go of a notice that was delivered or given up."""
        with self._store.writing() as connection:
            connection.execute(delete(notices).where(notices.c.id == id))

    def again(self, notice: DueNotice, seconds: float) -> None:
        """Have a notice tried again in so many seconds."""
        with self._store.writing() as connection:
            due = self._store.now(connection) + seconds
            values = {"tries": notice.tries + 1, "due": due, "lease_until": None}
            connection.execute(update(notices).where(notices.c.id == notice.id).values(values))
