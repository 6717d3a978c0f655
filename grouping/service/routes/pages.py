"""``/v1/albums/{id}/page/``: the gallery in a browser, with corrections saved in the album.

A browser sends no API key with pictures: a link that somebody with a key made sets a cookie of this
page alone. The cookie is ``Lax``, so that the link works from a mail; what it may change is taken
from this origin only.
"""

from __future__ import annotations

import time
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from grouping.api.albums.album_files import album_page, album_thumbnail, original_photo
from grouping.api.albums.corrections import add_corrections
from grouping.errors import FetchError, InputError
from grouping.service.albums.changes import changed
from grouping.service.context import Context, InContext, context_of
from grouping.service.guards import CORRECTIONS_BYTES
from grouping.service.pages.shared import (
    PAGE,
    SAVE,
    InRates,
    count,
    gone,
    opened_album,
    picture,
    place_of,
)
from grouping.service.pages.told_page import told_page
from grouping.service.readable import grouped, unreadable
from grouping.service.routes.answers import ERRORS, album_answer
from grouping.service.safety.api_keys import ApiKey, Scope, check_scope
from grouping.service.safety.callers import check_rate, current_key, key_of, link_of
from grouping.service.schemas import AlbumAnswer, AlbumId
from grouping.service.schemas_pages import JobState
from grouping.service.store.records import QUEUED, RUNNING, AlbumRecord
from grouping.service.web.error_envelope import not_found
from grouping.service.web.refusals import RefusedRequestError, invalid, too_large

router = APIRouter(prefix="/albums/{id}", tags=["pages"], responses=ERRORS)

COOKIE = "album_page"
# By the first bytes, whatever a name says; what else a photo may be is for the disk.
KINDS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
)

Writer = Annotated[ApiKey, Depends(current_key(Scope.WRITE))]


def may(request: Request, id: str, scope: Scope) -> str:
    """Return the name of who asks for a part of the page: of a key, or of a link.

    Raises:
        RefusedRequestError: 401, 403: neither allows it.
    """
    cookie = request.cookies.get(COOKIE)
    if "authorization" in request.headers or cookie is None:
        key = key_of(request)
        check_scope(key, scope)
        check_rate(request, key.id)
        return key.id
    link = link_of(request, cookie, PAGE, id)
    if scope is Scope.WRITE and link.subject != SAVE:
        raise RefusedRequestError(403, "forbidden", "this link is for looking only")
    if request.method not in ("GET", "HEAD"):
        _check_origin(request)
    return link.id


def reader(request: Request, id: AlbumId) -> str:
    """Dependency: who looks at the page."""
    return may(request, id, Scope.READ)


def saver(request: Request, id: AlbumId) -> str:
    """Dependency: who saves corrections."""
    return may(request, id, Scope.WRITE)


Reader = Annotated[str, Depends(reader)]
Saver = Annotated[str, Depends(saver)]


@router.get(
    "/page/",
    summary="The gallery",
    response_class=Response,
    responses={
        200: {"content": {"text/html": {}}},
        303: {"description": "a link was taken; the page is behind it"},
    },
)
def page(request: Request, id: AlbumId, context: InContext, t: str | None = None) -> Response:
    """Return the page; a link's token becomes a cookie, and leaves the address."""
    try:
        return _page(request, id, context, t)
    except RefusedRequestError as refusal:
        return told_page(request, refusal, context.albums.get(id))


def _page(request: Request, id: str, context: Context, t: str | None) -> Response:
    if t is not None:
        return _entered(request, link_of(request, t, PAGE, id).expires, t)
    may(request, id, Scope.READ)
    album = grouped(context.albums.get(id))  # before the page is read: a newer one is no harm
    try:
        place = f"corrections?revision={album.done}" if _may_save(request, id) else None
        served = album_page(context.folders.of(id), corrections=place, photos="photos")
    except InputError as error:
        raise unreadable(context, id, error) from None
    headers = {"Content-Security-Policy": served.policy, "Cache-Control": "private, no-cache"}
    return HTMLResponse(served.text, headers=headers)


@router.get("/page/index.html", include_in_schema=False)
def page_by_name(id: AlbumId) -> RedirectResponse:
    """The page is the folder itself."""
    return RedirectResponse("./", 308)


@router.get(
    "/page/thumbs/{name}",
    summary="A small picture of the gallery",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
def thumbnail(id: AlbumId, name: str, context: InContext, who: Reader) -> Response:
    """Return one of the small pictures that the page shows."""
    if context.albums.get(id) is None:
        raise not_found()
    try:
        return picture(album_thumbnail(context.folders.of(id), name))
    except InputError:
        raise not_found("picture") from None


@router.get(
    "/page/photos/{photo}",
    summary="An original of the gallery",
    response_class=Response,
    responses={200: {"content": {"image/*": {}, "application/octet-stream": {}}}},
)
def original(
    id: AlbumId,
    photo: Annotated[int, Path(ge=0, lt=2**31)],
    context: InContext,
    rates: InRates,
    who: Reader,
) -> Response:
    """Return a photo of the album as it is, by its place among the images."""
    count(rates.photos, who)
    index = opened_album(context, id)
    if photo >= len(index.album.images):
        raise not_found("photo")
    place = place_of(context, id, photo)
    try:
        data = original_photo(index, photo, context.settings.sources, place)
    except (FetchError, InputError) as error:
        raise gone(error) from None
    kind = next((kind for start, kind in KINDS if data.startswith(start)), None)
    answer = picture(data, kind or "application/octet-stream")
    if kind is None:
        answer.headers["Content-Disposition"] = f'attachment; filename="photo-{photo + 1:05d}"'
    return answer


@router.get("/page/state", summary="Is it grouped again?")
def state(id: AlbumId, context: InContext, who: Reader) -> JobState:
    """Return how far the album is."""
    album = context.albums.get(id)
    if album is None:
        raise not_found()
    return JobState(state=cast(Any, album.state), error=album.error)


_TOML = {
    "requestBody": {
        "required": True,
        "content": {"text/plain": {"schema": {"type": "string", "minLength": 1}}},
    }
}


@router.put("/page/corrections", status_code=202, include_in_schema=False)
async def save_from_page(
    request: Request,
    response: Response,
    id: AlbumId,
    context: InContext,
    who: Saver,
    revision: Annotated[int | None, Query(ge=0)] = None,
) -> AlbumAnswer:
    """Save corrections from the page itself, whose cookie goes no further.

    A page holds all names that it knew: one that is older than the album would undo newer ones.
    """
    return await _saved(request, response, id, context, revision)


@router.put("/corrections", status_code=202, summary="Correct the people", openapi_extra=_TOML)
async def save(
    request: Request, response: Response, id: AlbumId, context: InContext, key: Writer
) -> AlbumAnswer:
    """Keep the text of a ``corrections.toml``, and have the album grouped again."""
    return await _saved(request, response, id, context)


async def _saved(
    request: Request, response: Response, id: str, context: Context, revision: int | None = None
) -> AlbumAnswer:
    text = await _text_of(request)

    def write(album: AlbumRecord) -> None:
        if revision is not None and (revision != album.done or album.state in (QUEUED, RUNNING)):
            raise RefusedRequestError(
                409, "conflict", "the album was changed meanwhile; load the page again"
            )
        add_corrections(context.folders.of(id), text)

    album = await run_in_threadpool(lambda: changed(context, response, id, meanwhile=write))
    return album_answer(album)


async def _text_of(request: Request) -> str:
    """The body as text.

    Raises:
        RefusedRequestError: 413: it is too large; 422: it is no text, or none.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > CORRECTIONS_BYTES:
            raise too_large(CORRECTIONS_BYTES, "the file of corrections")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid("the corrections must be UTF-8 text") from None
    if not text.strip():
        raise invalid("send the text of a corrections.toml")
    return text


def _entered(request: Request, expires: int, token: str) -> Response:
    """Let the bearer of a link in: its token goes from the address into a cookie of the page."""
    answer = RedirectResponse("./", 303, headers={"Cache-Control": "no-store"})
    context = context_of(request)
    secure = request.url.scheme == "https" or bool(
        (context.settings.public_url or "").startswith("https://")
    )
    answer.set_cookie(
        COOKIE,
        token,
        max_age=max(1, expires - int(time.time())),
        path=urlsplit(context.settings.public_url or "").path + request.url.path,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def _may_save(request: Request, id: str) -> bool:
    """Whether the page is one to save from."""
    try:
        may(request, id, Scope.WRITE)
    except RefusedRequestError:
        return False
    return True


def _check_origin(request: Request) -> None:
    """Raise RefusedRequestError, 403, for a change that another site has a browser make."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    same = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if site != "same-origin" if site is not None else origin != same:
        raise RefusedRequestError(403, "forbidden", "save from the page itself")
