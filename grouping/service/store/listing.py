"""All albums, the newest first, a page at a time."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import and_, or_, select

from grouping.service.store.records import DELETING, AlbumRecord, record_of
from grouping.service.store.store import Store
from grouping.service.store.tables import albums


class Place(NamedTuple):
    """Where an album stands in the list; stays where albums before it come or go."""

    created: float
    id: str


def listed_albums(
    store: Store, *, state: str | None = None, after: Place | None = None, limit: int
) -> list[AlbumRecord]:
    """Return some albums, the newest first; none that is being erased.

    Args:
        store: of the albums.
        state: of all of them; None for any.
        after: the last one of the page before; None for the first page.
        limit: how many at most.
    """
    query = select(albums).where(albums.c.state != DELETING)
    if state is not None:
        query = query.where(albums.c.state == state)
    if after is not None:
        same = and_(albums.c.created == after.created, albums.c.id < after.id)
        query = query.where(or_(albums.c.created < after.created, same))
    query = query.order_by(albums.c.created.desc(), albums.c.id.desc()).limit(limit)
    with store.reading() as connection:
        return [record_of(row) for row in connection.execute(query)]
