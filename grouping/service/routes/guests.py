"""``/v1/albums/{id}/me``: a guest shows a selfie and gets the photos they are in, no others."""

from __future__ import annotations

import secrets
import time
from functools import cache
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from grouping.api import AlbumIndex, FoundPhoto, LookUp
from grouping.api.albums.album_files import album_thumbnail_of, photo_for_guests
from grouping.errors import FetchError, InputError
from grouping.service.context import Context, InContext
from grouping.service.pages.shared import (
    GUEST,
    PHOTO,
    InRates,
    count,
    gone,
    opened_album,
    picture,
    place_of,
)
from grouping.service.questions.asking import Photos, answer_about, look_up
from grouping.service.readable import GROUP_AGAIN, NOT_READY
from grouping.service.routes.answers import ERRORS
from grouping.service.routes.question_docs import photos_body
from grouping.service.safety.callers import link_of
from grouping.service.safety.guest_links import EXPIRED, INVALID, Link
from grouping.service.schemas import AlbumId
from grouping.service.schemas_pages import GuestAnswer, GuestPhoto
from grouping.service.schemas_questions import FIND_SHARE
from grouping.service.web.error_envelope import not_found
from grouping.service.web.refusals import RefusedRequestError

router = APIRouter(prefix="/albums/{id}", tags=["guests"], responses=ERRORS)

FILES = Path(__file__).parent.parent / "pages"
POLICY = (
    "default-src 'none'; img-src 'self' data:; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PHOTO_SECONDS = 3600  # that signed addresses of one look-up are of use
VISIT_BYTES = 9  # of the name of one look-up, whose photos are counted
DIGEST_LETTERS = 20  # of a photo, in its signed address
# What a look-up says in its reasons; see grouping.lookup.ask and people.identify.only_face.
NO_FACE, SEVERAL_FACES, NOBODY_THERE = "no face", "with one", "the album has no faces"
TOO_POOR = "; nobody alike enough"
ENDED = {
    EXPIRED: "expired",
    INVALID: "invalid",
    "too_many_requests": "invalid",
    **dict.fromkeys((NOT_READY, GROUP_AGAIN), "waiting"),
    "unavailable": "waiting",
    "storage_full": "waiting",
}


_SAID = {"description": "the page, which says so in words", "content": {"text/html": {}}}


@router.get(
    "/me",
    summary="The page for guests",
    response_class=Response,
    responses={200: {"content": {"text/html": {}}}, **dict.fromkeys((403, 404, 409, 429), _SAID)},
)
def guest_page(request: Request, id: AlbumId, context: InContext, t: str = "") -> HTMLResponse:
    """Return the page; what has ended, it says in words."""
    ended, status = "", 200
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "private, no-store"}
    try:
        link_of(request, t, GUEST, id)
        opened_album(context, id)
    except RefusedRequestError as refusal:
        ended, status = ENDED.get(refusal.code, "gone"), refusal.status
        headers |= refusal.headers
    text = _file("me.html").replace("{{ended}}", ended)
    return HTMLResponse(text, status, headers)


@router.post(
    "/me/find",
    summary="The photos of whoever is in a selfie",
    openapi_extra=photos_body({"selfie": 1}),
)
async def guest_find(
    request: Request, id: AlbumId, context: InContext, rates: InRates, t: str = ""
) -> GuestAnswer:
    """Compare a selfie with the album, in memory; neither it nor its vector is kept."""
    link = link_of(request, t, GUEST, id)
    count(rates.selfies, link.id)
    album = context.albums.get(id)
    if album is None:
        raise not_found()

    def work(photos: Photos) -> GuestAnswer:
        found = look_up(context, album, photos["selfie"], FIND_SHARE)
        return _answer(context, link, opened_album(context, id), found)

    answer = await answer_about(request, context, {"selfie": 1}, work, link.id)
    request.state.counts = {"photos": len(answer.photos)}
    return answer


@router.get(
    "/me/photos/{signed}",
    summary="One photo of a guest",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
def guest_photo(
    request: Request,
    id: AlbumId,
    signed: str,
    context: InContext,
    rates: InRates,
    size: Literal["small", "full"] = "full",
) -> Response:
    """Return a photo under the address that a look-up gave; without place, camera and names."""
    link = link_of(request, signed, PHOTO, id)
    count(rates.photos, link.subject.rpartition(".")[2])
    index = opened_album(context, id)
    photo = _named(index, link.subject)
    try:
        if size == "small":
            return picture(album_thumbnail_of(index, photo))
        data = photo_for_guests(
            index, photo, context.settings.sources, place_of(context, id, photo)
        )
    except (FetchError, InputError) as error:
        raise gone(error) from None
    return picture(data)


@router.get("/me/me.css", include_in_schema=False)
def guest_style(id: AlbumId) -> Response:
    """Return the style of the page, which is the same for all albums."""
    return _asset("me.css", "text/css; charset=utf-8")


@router.get("/me/me.js", include_in_schema=False)
def guest_script(id: AlbumId) -> Response:
    """Return the script of the page, which is the same for all albums."""
    return _asset("me.js", "text/javascript; charset=utf-8")


def _asset(name: str, media_type: str) -> Response:
    headers = {"Cache-Control": "private, max-age=300"}
    return Response(_file(name), media_type=media_type, headers=headers)


@cache
def _file(name: str) -> str:
    return (FILES / name).read_text("utf-8")


def _answer(context: Context, link: Link, index: AlbumIndex, found: LookUp) -> GuestAnswer:
    """What a guest is told: each picture once, under an address that is signed for an hour."""
    outcome, visit = _outcome(found), secrets.token_urlsafe(VISIT_BYTES)
    mine = {photo.photo: photo for photo in found.photos}
    best: dict[int, FoundPhoto] = {}
    for photo, shown in index.album.shown_for(sorted(mine)).items():
        if shown not in best or mine[photo].in_group:
            best[shown] = mine[photo]
    return GuestAnswer(
        outcome=outcome,
        photos=[
            GuestPhoto(
                address=_address(context, link, visit, index, photo),
                sure=best[photo].in_group,
                focus=_middle(index, best[photo]),
            )
            for photo in sorted(best)
        ],
    )


def _middle(index: AlbumIndex, found: FoundPhoto) -> tuple[float, float]:
    """Where a face is in its photo, in shares of the sides."""
    image, (x1, y1, x2, y2) = index.album.images[found.photo], found.box
    x, y = (x1 + x2) / 2 / image["width"], (y1 + y2) / 2 / image["height"]
    return round(min(1.0, max(0.0, x)), 3), round(min(1.0, max(0.0, y)), 3)


def _outcome(answer: LookUp) -> Literal["found", "nobody", "unsure"]:
    """What a look-up says to somebody who knows nothing of similarities.

    Raises:
        RefusedRequestError: 422: another selfie is needed.
    """
    if answer.found:
        return "found"
    if answer.similarity is not None or NOBODY_THERE in answer.reason:
        return "unsure" if TOO_POOR in answer.reason else "nobody"
    if answer.reason == NO_FACE:
        raise RefusedRequestError(422, "no_face", "no face was found; send a photo that shows one")
    if answer.reason.endswith(SEVERAL_FACES):
        raise RefusedRequestError(422, "several_faces", "send a photo that shows only one face")
    raise RefusedRequestError(422, "photo_unusable", answer.reason)


def _address(context: Context, link: Link, visit: str, index: AlbumIndex, photo: int) -> str:
    """Where a photo is had: under a signature of this one and of this look-up."""
    digest = str(index.album.images[photo]["sha256"])[:DIGEST_LETTERS]
    seconds = max(1, min(PHOTO_SECONDS, link.expires - int(time.time())))
    token, _ = context.guards.links.sign(PHOTO, link.album, seconds, f"{photo}.{digest}.{visit}")
    return f"me/photos/{token}"


def _named(index: AlbumIndex, subject: str) -> int:
    """The place of the photo of a signed address, wherever it is since the album was grouped again.

    Raises:
        RefusedRequestError: 404: the album has it no more.
    """
    place, digest, _ = subject.split(".", 2)
    images = index.album.images
    places: list[int] = [int(place), *range(len(images))]
    for photo in places:
        if photo < len(images) and str(images[photo].get("sha256")).startswith(digest):
            return photo
    raise not_found("photo")
