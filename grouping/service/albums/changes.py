"""Changes of albums that are answered 202: kept in the store, grouped by and by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from fastapi import Response

from grouping.service.context import Context
from grouping.service.store.records import (
    AlbumRecord,
    NewPhoto,
    QueueFullError,
    Repeat,
    RepeatError,
    TooManyPhotosError,
)
from grouping.service.web.error_envelope import not_found
from grouping.service.web.refusals import RefusedRequestError, invalid, too_many

T = TypeVar("T")

QUEUE_SECONDS = 30  # after which a place in the queue may be free


def changed(
    context: Context,
    response: Response,
    id: str,
    new: Sequence[NewPhoto] = (),
    *,
    prefixes: Sequence[str] = (),
    repeat: Repeat | None = None,
    meanwhile: Callable[[AlbumRecord], None] = lambda album: None,
) -> AlbumRecord:
    """Change an album and have it grouped again; arguments as of ``AlbumStore.change``.

    Raises:
        RefusedRequestError: it cannot be; the status says why.
    """
    album = kept(
        lambda: context.albums.change(
            id,
            new,
            prefixes=prefixes,
            most_photos=context.settings.photos_a_job,
            queue_length=context.settings.queue_length,
            repeat=repeat,
            meanwhile=meanwhile,
        )
    )
    if album is None:
        raise not_found()
    taken(context, response, album)
    return album


def kept(change: Callable[[], T]) -> T:
    """Change the store, and say in the words of HTTP what it refuses."""
    try:
        return change()
    except QueueFullError:
        raise queue_full() from None
    except TooManyPhotosError:
        raise invalid("the album would have more photos than it may; make another one") from None
    except RepeatError:
        raise RefusedRequestError(
            409, "conflict", "the Idempotency-Key was used for another request"
        ) from None


def queue_full() -> RefusedRequestError:
    """Return the refusal where as many albums wait as may."""
    return too_many("too many albums wait; send it again later", QUEUE_SECONDS, "queue_full")


def taken(context: Context, response: Response, album: AlbumRecord) -> None:
    """Have somebody look at the queue, and say where the album is."""
    context.runner.wake()
    response.headers["Location"] = f"/v1/albums/{album.id}"
