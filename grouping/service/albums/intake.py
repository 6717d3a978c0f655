"""Photos that callers send: read, checked, and removed where nothing came of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from grouping.service.albums.bodies import digest_of_body, json_body, kind_of, parsed, repeat_of
from grouping.service.albums.uploads import Uploads, read_uploads
from grouping.service.context import Context
from grouping.service.safety.api_keys import ApiKey
from grouping.service.safety.webhooks import check_webhook
from grouping.service.schemas import MorePhotos, NewAlbum
from grouping.service.store.records import NewPhoto, Repeat, unique_names
from grouping.service.web.refusals import invalid, storage_full
from grouping.service.web.room import no_room

Sent = TypeVar("Sent", NewAlbum, MorePhotos)


@dataclass
class Intake(Generic[Sent]):
    """What a request adds to an album.

    Attributes:
        sent: the body, or the part ``album`` of one.
        photos: all of them; an upload is called as its file.
        repeat: how the request is known again.
    """

    sent: Sent
    photos: list[NewPhoto]
    repeat: Repeat | None

    @property
    def prefixes(self) -> list[str]:
        """Addresses in S3 whose photos are the album's."""
        return [] if self.sent.prefix is None else [self.sent.prefix]


@asynccontextmanager
async def received(
    request: Request, context: Context, key: ApiKey, model: type[Sent], album: str
) -> AsyncIterator[Intake[Sent]]:
    """Read what a request adds to an album; uploads that no album has at the end are removed.

    Args:
        request: with the body.
        context: of the service.
        key: of the caller.
        model: of the body.
        album: id of the album, which may not be there yet.

    Raises:
        RefusedRequestError: the body is no such one, or names what may not be named.
        RequestValidationError: as above.
    """
    if kind_of(request) == "json":
        body = await json_body(request)
        sent = parsed(model, body)
        photos = [NewPhoto(photo.id, url=photo.url) for photo in sent.photos]
        check_places(context, sent)
        yield Intake(sent, photos, repeat_of(request, key, digest_of_body(body)))
        return
    uploads = Uploads()
    try:
        await _upload(request, context, uploads, album)
        sent = parsed(model, uploads.album or b"{}")
        if sent.photos:
            raise invalid("photos are uploaded, or named by addresses; make two requests of it")
        check_places(context, sent)
        names = unique_names(uploads.names)
        photos = [NewPhoto(n, file=p.name) for n, p in zip(names, uploads.files, strict=True)]
        yield Intake(sent, photos, repeat_of(request, key, uploads.digest))
    finally:
        await run_in_threadpool(_remove_unused, context, uploads, album)


def check_places(context: Context, sent: NewAlbum | MorePhotos) -> None:
    """Find out whether all that is named may be named.

    Raises:
        RefusedRequestError: 422, with the first that may not.
    """
    settings = context.settings
    if len(sent.photos) > settings.photos_a_job:
        raise invalid(f"an album may have {settings.photos_a_job} photos; split it")
    places = [*(photo.url for photo in sent.photos), *([sent.prefix] if sent.prefix else [])]
    for url in places:
        if url.startswith("s3://"):
            bucket = url.removeprefix("s3://").partition("/")[0]
            if bucket not in settings.buckets:
                raise invalid(f"the service reads no bucket {bucket!r:.80}; it has to name it")
    if isinstance(sent, NewAlbum) and sent.webhook is not None:
        check_webhook(sent.webhook.url)


async def _upload(request: Request, context: Context, uploads: Uploads, album: str) -> None:
    settings = context.settings
    try:
        await read_uploads(
            request,
            uploads,
            lambda: context.folders.new_upload(album),
            settings.upload_bytes,
            settings.photos_a_job,
        )
    except OSError as error:
        if no_room(error):
            raise storage_full() from error
        raise


def _remove_unused(context: Context, uploads: Uploads, album: str) -> None:
    """Remove uploads that the store knows nothing of, and the folder of an album that is none."""
    used = context.albums.uploads(album)
    if used is None:
        context.folders.erase(album)
        return
    for path in uploads.files:
        if path.name not in used:
            path.unlink(missing_ok=True)
