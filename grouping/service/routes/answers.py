"""Records of the store as answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from grouping.service.schemas import AlbumAnswer, AlbumSummary, ErrorAnswer, Progress
from grouping.service.store.records import QUEUED, AlbumRecord

# What any route may answer, all in one form.
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": text}
    for status, text in {
        400: "the body cannot be understood",
        401: "there is no API key, or an unknown one",
        403: "the key may not do that",
        404: "there is no such album, person or page",
        408: "the body came in too slowly",
        409: "it does not go with what there is",
        413: "the body is too large",
        415: "the body is of another type",
        422: "the body says what it must not",
        429: "too many requests, or albums that wait; see Retry-After",
        500: "the service failed",
        503: "the service is at its limit for now",
    }.items()
}


def _progress(album: AlbumRecord) -> Progress:
    """How far a job is; before it has said so, how many photos there are to look at."""
    if album.state == QUEUED:
        return Progress(total=album.photos)
    return Progress(**{"total": album.photos, **album.progress})


def album_summary(album: AlbumRecord) -> AlbumSummary:
    """Return what the list of all albums says of one."""
    return AlbumSummary(
        id=album.id,
        state=cast(Any, album.state),
        created=datetime.fromtimestamp(album.created, UTC),
        counts=album.counts,
    )


def album_answer(album: AlbumRecord) -> AlbumAnswer:
    """Return what callers are told of an album."""
    return AlbumAnswer(
        id=album.id,
        state=cast(Any, album.state),
        created=datetime.fromtimestamp(album.created, UTC),
        changed=datetime.fromtimestamp(album.changed, UTC),
        progress=_progress(album),
        counts=album.counts,
        failures=album.failures,
        settings=album.settings,
        revision=album.done,
        error=album.error,
    )
