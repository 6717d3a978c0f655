"""Photos of a request to answers: read into memory, looked at in the pool, and let go of.

Nothing here writes a file or a line of a log: photos that are asked about leave no trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

from fastapi import Request

from grouping.api import GroupingConfig, LookUp, find, represent
from grouping.errors import CorrectionsError, InputError
from grouping.service.context import Context
from grouping.service.questions.sent_photos import photos_of
from grouping.service.readable import grouped, unreadable
from grouping.service.store.records import AlbumRecord
from grouping.service.web.body_limit import SLOW
from grouping.service.web.refusals import RefusedRequestError

T = TypeVar("T")
Photos = dict[str, list[bytes]]

BODY_SECONDS = 60.0  # in which photos have to be there, as they hold a place


def question_config(context: Context) -> GroupingConfig:
    """Return the settings that photos of questions are looked at with."""
    return context.config.with_settings(photo_seconds=context.settings.question_seconds)


def load_networks(context: Context) -> None:
    """Look at a photo of nothing, so that the first question need not wait for the networks.

    Raises:
        ModelError: the weight file or the device cannot be used.
    """
    import numpy as np

    represent(np.zeros((64, 64, 3), np.uint8), config=question_config(context))


async def answer_about(
    request: Request,
    context: Context,
    names: Mapping[str, int],
    work: Callable[[Photos], T],
    link: str | None = None,
) -> T:
    """Return what work makes of the photos of a request.

    Args:
        request: with the photos in its body.
        context: of the service.
        names: of the photos, and how many of each there may be; there must be one of each.
        work: done in a thread of the pool.
        link: id of the link of a guest who asks.

    Raises:
        RefusedRequestError: the body is none or too slow, or the service is too busy.
        GroupingError: whatever work raises.
    """
    pool = context.guards.pool
    with pool.place(link):
        try:
            async with asyncio.timeout(BODY_SECONDS):
                photos = await photos_of(request, names, context.settings.question_bytes)
        except TimeoutError:
            raise RefusedRequestError(408, "timeout", SLOW) from None
        return await pool.run(lambda: work(photos))


def look_up(
    context: Context, album: AlbumRecord, selfies: list[bytes], false_matches: float
) -> LookUp:
    """Find somebody in an album; to be called in the pool.

    Raises:
        RefusedRequestError: 404: the album is gone; 409: it has no results yet, or must be grouped
            again; 503: it cannot be read now.
    """
    grouped(album)
    folder = context.folders.of(album.id)
    try:
        index = context.guards.opened.get(folder)
        return find(selfies, index, false_matches=false_matches, config=question_config(context))
    except (InputError, CorrectionsError) as error:
        raise unreadable(context, album.id, error) from None


def public_url(url: str | None) -> str | None:
    """Return an address of a photo that callers named; None for a place on this machine."""
    return url if url is not None and url.startswith(("https://", "s3://")) else None
