"""``/v1/albums/{id}/guest-links``, ``page-links``: what browsers open without a key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends

from grouping.service.context import Context, InContext
from grouping.service.pages.shared import GUEST, LOOK, PAGE, SAVE
from grouping.service.routes.answers import ERRORS
from grouping.service.safety.api_keys import ApiKey, Scope
from grouping.service.safety.callers import KeyFirst, current_key
from grouping.service.schemas import AlbumId
from grouping.service.schemas_pages import LinkAnswer, NewGuestLink, NewPageLink
from grouping.service.web.error_envelope import not_found

router = APIRouter(prefix="/albums/{id}", responses=ERRORS, route_class=KeyFirst)

Writer = Annotated[ApiKey, Depends(current_key(Scope.WRITE))]


@router.post("/guest-links", status_code=201, summary="Make a link for guests", tags=["guests"])
def make_guest_link(
    id: AlbumId, context: InContext, key: Writer, new: NewGuestLink | None = None
) -> LinkAnswer:
    """Return a link under which guests find their own photos by a selfie, until it expires."""
    new = new or NewGuestLink.model_validate({})
    return _signed(context, id, "me", GUEST, new.expires_in_s)


@router.post(
    "/page-links", status_code=201, summary="Make a link to the album's page", tags=["pages"]
)
def make_page_link(
    id: AlbumId, context: InContext, key: Writer, new: NewPageLink | None = None
) -> LinkAnswer:
    """Return a link to the whole album, people and photos, until it expires."""
    new = new or NewPageLink.model_validate({})
    return _signed(context, id, "page/", PAGE, new.expires_in_s, SAVE if new.may_save else LOOK)


def _signed(
    context: Context, id: str, page: str, kind: str, seconds: int, subject: str = ""
) -> LinkAnswer:
    """Return a link to a page of an album that is there."""
    if context.albums.get(id) is None:
        raise not_found()
    token, link = context.guards.links.sign(kind, id, seconds, subject)
    url = f"{context.settings.public_url or ''}/v1/albums/{id}/{page}?t={token}"
    return LinkAnswer(url=url, expires_at=datetime.fromtimestamp(link.expires, UTC))
