"""``/v1/verify``, ``/v1/represent``, ``/v1/extract``, ``/v1/albums/{id}/find``."""

from __future__ import annotations

import base64
import io
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from grouping.api import LookUp, extract_faces, represent, verify
from grouping.service.context import InContext, context_of
from grouping.service.guards import PHOTOS_OF
from grouping.service.questions.asking import (
    Photos,
    answer_about,
    look_up,
    public_url,
    question_config,
)
from grouping.service.routes.question_docs import errors, photos_body
from grouping.service.safety.api_keys import ApiKey, Scope
from grouping.service.safety.callers import current_key
from grouping.service.schemas import AlbumId
from grouping.service.schemas_questions import (
    FIND_SHARE,
    ExtractAnswer,
    FindAnswer,
    FindShare,
    RepresentAnswer,
    SameShare,
    VerifyAnswer,
)
from grouping.service.store.records import AlbumRecord
from grouping.service.web.error_envelope import not_found
from grouping.service.web.wording import for_callers

router = APIRouter(tags=["questions"])

Asker = Annotated[ApiKey, Depends(current_key(Scope.FIND))]


def _album(id: AlbumId, request: Request) -> AlbumRecord:
    album = context_of(request).albums.get(id)
    if album is None:
        raise not_found()
    return album


AskedAlbum = Annotated[AlbumRecord, Depends(_album)]


@router.post(
    "/verify",
    summary="Do two photos show one person?",
    response_model=VerifyAnswer,
    responses=errors(400, 401, 403, 408, 413, 415, 422, 429, 503),
    openapi_extra=photos_body({"a": 1, "b": 1}),
)
async def verify_photos(
    key: Asker,
    request: Request,
    context: InContext,
    false_matches: Annotated[
        SameShare | None,
        Query(description="share of pairs of strangers that may be 'same'; default 0.00001"),
    ] = None,
) -> Response:
    """Compare every face of the one photo with every one of the other; nothing is kept."""

    def work(photos: Photos) -> bytes:
        found = verify(
            *photos["a"],
            *photos["b"],
            false_matches=false_matches,
            config=question_config(context),
        )
        return _encoded(VerifyAnswer, found.as_dict())

    return _json(await answer_about(request, context, {"a": 1, "b": 1}, work))


@router.post(
    "/represent",
    summary="The faces of a photo as vectors",
    response_model=RepresentAnswer,
    responses=errors(400, 401, 403, 408, 413, 415, 422, 429, 503),
    openapi_extra=photos_body({"photo": 1}),
)
async def represent_photo(key: Asker, request: Request, context: InContext) -> Response:
    """Return the faces with their vectors, which no other answer has; nothing is kept."""

    def work(photos: Photos) -> bytes:
        faces = represent(*photos["photo"], config=question_config(context))
        return _encoded(RepresentAnswer, {"faces": [face.as_dict() for face in faces]})

    return _json(await answer_about(request, context, {"photo": 1}, work))


@router.post(
    "/extract",
    summary="The faces of a photo",
    response_model=ExtractAnswer,
    responses=errors(400, 401, 403, 408, 413, 415, 422, 429, 503),
    openapi_extra=photos_body({"photo": 1}),
)
async def extract_photo(
    key: Asker,
    request: Request,
    context: InContext,
    crops: Annotated[bool, Query(description="pictures of the faces as well")] = False,
) -> Response:
    """Return where the faces are and how well they can be seen; nothing is kept."""

    def work(photos: Photos) -> bytes:
        faces = extract_faces(*photos["photo"], config=question_config(context))
        entries = [
            {
                **face.as_dict(),
                "crop": _png(face.crop) if crops else None,
                "loose_crop": _png(face.loose_crop) if crops else None,
            }
            for face in faces
        ]
        return _encoded(ExtractAnswer, {"faces": entries})

    return _json(await answer_about(request, context, {"photo": 1}, work))


@router.post(
    "/albums/{id}/find",
    summary="In which photos of an album is somebody?",
    response_model=FindAnswer,
    responses=errors(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503),
    openapi_extra=photos_body({"selfie": PHOTOS_OF["find"]}),
)
async def find_in_album(
    key: Asker,
    album: AskedAlbum,
    request: Request,
    context: InContext,
    false_matches: Annotated[
        FindShare,
        Query(description="share of look-ups of people who are not there that may name somebody"),
    ] = FIND_SHARE,
) -> Response:
    """Find the photos of the person on the selfies, which are kept nowhere.

    That nobody was found, or a selfie cannot be used, is an answer with its `reason`.
    """

    def work(photos: Photos) -> tuple[bytes, int]:
        found = look_up(context, album, photos["selfie"], false_matches)
        return _encoded(FindAnswer, find_values(album, found)), len(found.photos)

    names = {"selfie": PHOTOS_OF["find"]}
    body, count = await answer_about(request, context, names, work)
    request.state.counts = {"photos": count}
    return _json(body)


def find_values(album: AlbumRecord, found: LookUp) -> dict[str, Any]:
    """Return an answer as JSON values, without places on this machine."""
    values = {**found.as_dict(), "album": album.id}
    values["reason"] = for_callers(values["reason"])
    for photo in values["photos"]:
        photo["url"] = public_url(photo["url"])
    return values


def _encoded(kind: type[BaseModel], values: dict[str, Any]) -> bytes:
    """The answer as JSON; checked and written in the thread that computed it."""
    return kind.model_validate(values).model_dump_json().encode()


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _png(pixels: Any) -> str:
    """(h, w, 3) uint8 RGB as PNG in base64."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
