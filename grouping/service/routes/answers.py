"""Records of the store as answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from grouping.service.schemas import AlbumAnswer, Progress
from grouping.service.store.albums import AlbumRecord


def album_answer(album: AlbumRecord) -> AlbumAnswer:
    """Return what callers are told of an album."""
    return AlbumAnswer(
        id=album.id,
        state=cast(Any, album.state),
        created=datetime.fromtimestamp(album.created, UTC),
        changed=datetime.fromtimestamp(album.changed, UTC),
        progress=Progress(**album.progress),
        counts=album.counts,
        failures=album.failures,
        settings=album.settings,
        error=album.error,
    )
