"""What the pages for people share: links, open albums, how often a link may ask, pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import Response

from grouping.api import AlbumIndex
from grouping.errors import CorrectionsError, FetchError, InputError
from grouping.service.context import Context
from grouping.service.readable import grouped, unreadable
from grouping.service.safety.rate_limits import TokenBuckets
from grouping.service.web.refusals import RefusedRequestError, too_many

GUEST, PAGE, PHOTO = "guest", "page", "photo"  # kinds of links
SAVE, LOOK = "save", "look"  # what a link to a page may be used for
# A minute, and at once: selfies of one link, which a whole party may share; photos of one look-up,
# or of one who looks at the gallery.
SELFIES = (30.0, 30.0)
PHOTOS = (600.0, 1200.0)
JPEG = "image/jpeg"
# What a picture may do that somebody opens by itself: nothing.
PICTURE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"


@dataclass(frozen=True)
class LinkRates:
    """How often links may ask; lies at ``app.state.link_rates``.

    Attributes:
        selfies: look-ups of each guest link.
        photos: pictures of each look-up, and of each link to a gallery.
    """

    selfies: TokenBuckets = field(default_factory=lambda: TokenBuckets(*SELFIES))
    photos: TokenBuckets = field(default_factory=lambda: TokenBuckets(*PHOTOS))


def link_rates_of(request: Request) -> LinkRates:
    """The rates of the app that a request came to."""
    rates = request.app.state.link_rates
    assert isinstance(rates, LinkRates)
    return rates


InRates = Annotated[LinkRates, Depends(link_rates_of)]


def opened_album(context: Context, id: str) -> AlbumIndex:
    """Return an album that has results.

    Raises:
        RefusedRequestError: 404: there is no such album; 409: it has no results yet, or must be
            grouped again; 503: it cannot be read now.
    """
    grouped(context.albums.get(id))
    try:
        return context.guards.opened.get(context.folders.of(id))
    except (InputError, CorrectionsError) as error:
        raise unreadable(context, id, error) from None


def count(buckets: TokenBuckets, link: str) -> None:
    """Raise RefusedRequestError, 429, where a link or look-up was used too often."""
    if wait := buckets.take(link):
        raise too_many("this link was used very often just now; try again in a while", wait)


def place_of(context: Context, id: str, photo: int) -> Path | str | None:
    """Where a photo of an album is, by its place among the images; None where the results say it.

    What the store has is whole; what the results have lacks the signature of an address.
    """
    told = context.albums.photo_of(id, photo)
    if told is None:
        return None
    return told.url or context.folders.upload(id, told.file or "")


def picture(data: bytes, media_type: str = JPEG) -> Response:
    """The answer with a picture; a browser keeps it for an hour, and nobody on the way does."""
    headers = {
        "Cache-Control": "private, max-age=3600",
        "Content-Security-Policy": PICTURE_POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Response(data, media_type=media_type, headers=headers)


def gone(error: FetchError | InputError) -> RefusedRequestError:
    """The refusal for a photo that cannot be had any more; says nothing of where it was."""
    again = isinstance(error, FetchError) and error.retryable
    message = (
        "the photo cannot be had now; try again" if again else "the photo is not there any more"
    )
    return RefusedRequestError(503 if again else 404, "unavailable" if again else "gone", message)
