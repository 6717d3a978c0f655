"""``/v1/albums``: albums as jobs."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool

from grouping.errors import OutputError
from grouping.service.albums.bodies import documented
from grouping.service.albums.changes import changed, kept, queue_full, taken
from grouping.service.albums.intake import Intake, received
from grouping.service.context import Context, InContext
from grouping.service.routes.answers import ERRORS, album_answer, album_summary
from grouping.service.routes.results import cursor_of, parts_of
from grouping.service.safety.api_keys import ApiKey, Scope
from grouping.service.safety.callers import current_key
from grouping.service.safety.webhooks import check_webhook
from grouping.service.schemas import (
    AlbumAnswer,
    AlbumId,
    AlbumsPage,
    AlbumState,
    Cursor,
    Limit,
    MorePhotos,
    NewAlbum,
)
from grouping.service.store.listing import Place, listed_albums
from grouping.service.store.records import AlbumRecord, NewPhoto, new_id
from grouping.service.web.error_envelope import not_found
from grouping.service.web.refusals import RefusedRequestError, invalid
from grouping.service.web.room import no_room

log = logging.getLogger(__name__)

router = APIRouter(prefix="/albums", tags=["albums"], responses=ERRORS)

Reader = Annotated[ApiKey, Depends(current_key(Scope.READ))]
Writer = Annotated[ApiKey, Depends(current_key(Scope.WRITE))]
RepeatKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="the same request with the same key is done once, within a day",
    ),
]

CREATED = re.compile(r"[0-9]{1,12}\.[0-9]{1,20}")  # repr of a float of our time
EXAMPLE = {
    "photos": [{"id": "IMG_0042", "url": "https://example.org/IMG_0042.jpg"}],
    "settings": {"min_photos": 2},
}


@router.post(
    "",
    status_code=202,
    summary="Group photos",
    openapi_extra=documented(NewAlbum, EXAMPLE),
)
async def create_album(
    request: Request, response: Response, context: InContext, key: Writer, _: RepeatKey = None
) -> AlbumAnswer:
    """Take photos by addresses, by a prefix in S3, or as uploads, and group them by and by.

    The id of an upload is the name of its file.
    """
    await run_in_threadpool(_check_queue, context)
    id = new_id()
    async with received(request, context, key, NewAlbum, id) as intake:
        sent = intake.sent
        if not intake.photos and not intake.prefixes:
            raise invalid("an album needs photos, a prefix or uploads")
        _check_ids(intake.photos)
        if sent.webhook is not None:
            check_webhook(sent.webhook.url)

        def add() -> AlbumRecord:
            return context.albums.add(
                key.id,
                intake.photos,
                id=id,
                settings=sent.settings.model_dump(exclude_unset=True),
                prefixes=intake.prefixes,
                webhook=None if sent.webhook is None else sent.webhook.url,
                queue_length=context.settings.queue_length,
                repeat=intake.repeat,
            )

        album = await run_in_threadpool(kept, add)
    taken(context, response, album)
    return album_answer(album)


@router.get("", summary="Which albums are there?")
def list_albums(
    context: InContext,
    key: Reader,
    state: Annotated[AlbumState | None, Query(description="of all of them")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> AlbumsPage:
    """Return albums of all keys, the newest first, page by page; none is left out or there twice.

    One that is made meanwhile is on the first page only, one that is erased on none.
    """
    found = listed_albums(context.store, state=state, after=_place(cursor), limit=limit + 1)
    shown = found[:limit]
    following = cursor_of(repr(shown[-1].created), shown[-1].id) if len(found) > limit else None
    return AlbumsPage(albums=[album_summary(album) for album in shown], next_cursor=following)


@router.get("/{id}", summary="How far is it, and what came of it?")
def get_album(id: AlbumId, context: InContext, key: Reader) -> AlbumAnswer:
    """Return the state of an album: its job, counts, and why photos failed."""
    return album_answer(_album(context, id))


@router.post(
    "/{id}/photos",
    status_code=202,
    summary="Add photos",
    openapi_extra=documented(MorePhotos, {"photos": EXAMPLE["photos"]}),
)
async def add_photos(
    id: AlbumId,
    request: Request,
    response: Response,
    context: InContext,
    key: Writer,
    _: RepeatKey = None,
) -> AlbumAnswer:
    """Add photos, or none, and group the album again; people who are still there keep their ids.

    Photos that could not be read are tried again, so that `{}` is what a job that failed needs.
    """
    await run_in_threadpool(_album, context, id)
    async with received(request, context, key, MorePhotos, id) as intake:
        _check_ids(intake.photos)

        album = await run_in_threadpool(
            lambda: changed(
                context,
                response,
                id,
                intake.photos,
                prefixes=intake.prefixes,
                repeat=intake.repeat,
                meanwhile=lambda _: _check_new(context, id, intake),
            )
        )
    return album_answer(album)


@router.delete("/{id}", status_code=204, summary="Erase an album")
def delete_album(id: AlbumId, context: InContext, key: Writer) -> Response:
    """Erase an album to the byte: uploads, results, vectors, pictures, corrections.

    Answers 204 where all is gone, 202 where that takes a while: a job is at it, which ends with the
    photos in flight, or results in S3 cannot be reached. Callers see nothing of it any more.
    """
    free = _begun_to_erase(context, id)
    if free is None:
        raise not_found()
    folder = context.folders.of(id)
    context.documents.forget(folder)
    context.guards.opened.forget(folder)
    if not free:
        context.runner.let_go(id)
        return Response(status_code=202)
    try:
        context.eraser.erase(id)
    except OutputError:
        log.error("an album cannot be erased now", extra={"fields": {"album": id}})
        return Response(status_code=202)
    return Response(status_code=204)


def _begun_to_erase(context: Context, id: str) -> bool | None:
    """Begin to erase, also where the disk is full: the store cannot note it before files go."""
    try:
        return context.albums.begin_erasing(id)
    except OperationalError as error:
        if not no_room(error) or not context.albums.is_idle(id):
            raise
        context.folders.erase(id)
        return context.albums.begin_erasing(id)


def _album(context: Context, id: str) -> AlbumRecord:
    album = context.albums.get(id)
    if album is None:
        raise not_found()
    return album


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    created, id = parts_of(cursor, CREATED)
    return Place(float(created), id)


def _check_queue(context: Context) -> None:
    """Refuse before a body of gigabytes is read."""
    if context.albums.waiting() >= context.settings.queue_length:
        raise queue_full()


def _check_ids(photos: Sequence[NewPhoto]) -> None:
    """Refuse ids that are there twice: nobody could tell which photo is meant."""
    seen: set[str | int] = set()
    for photo in photos:
        if photo.id in seen:
            raise invalid(f"two photos have the id {photo.id!r:.80}")
        seen.add(photo.id)


def _check_new(context: Context, id: str, intake: Intake[MorePhotos]) -> None:
    """Refuse ids that callers chose and the album has; names of uploads are told apart."""
    chosen = [photo.id for photo in intake.photos if photo.file is None]
    known = context.albums.known_ids(id, chosen)
    if known:
        raise RefusedRequestError(
            409, "conflict", f"the album has a photo {min(map(str, known))!r:.80} already"
        )
