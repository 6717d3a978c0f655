"""``/v1/albums/{id}/groups``, ``.../images``, ``.../people``: what was found, and corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from grouping.api.albums.album_document import portrait_of
from grouping.api.albums.corrections import Corrections, add_corrections, corrections_text
from grouping.errors import InputError
from grouping.service.albums.changes import changed
from grouping.service.context import InContext
from grouping.service.routes.answers import ERRORS, album_answer
from grouping.service.routes.results import (
    document_of,
    group_answer,
    image_answer,
    page_of,
    person_answer,
)
from grouping.service.safety.api_keys import ApiKey, Scope
from grouping.service.safety.callers import KeyFirst, current_key
from grouping.service.schemas import (
    AlbumAnswer,
    AlbumId,
    Cursor,
    GroupId,
    GroupsPage,
    ImagesPage,
    Limit,
    PeopleChanges,
    PersonAnswer,
)
from grouping.service.store.records import AlbumRecord
from grouping.service.web.error_envelope import not_found
from grouping.service.web.refusals import RefusedRequestError, invalid

router = APIRouter(prefix="/albums/{id}", tags=["people"], responses=ERRORS, route_class=KeyFirst)

Reader = Annotated[ApiKey, Depends(current_key(Scope.READ))]
Writer = Annotated[ApiKey, Depends(current_key(Scope.WRITE))]


@router.get("/groups", summary="Who is in the album?")
def get_groups(
    id: AlbumId, context: InContext, key: Reader, cursor: Cursor = None, limit: Limit = 100
) -> GroupsPage:
    """Return people, the largest first, page by page."""
    document = document_of(context, id)
    groups, following = page_of(document["groups"], document, cursor, limit)
    answers = [group_answer(document, group, id) for group in groups]
    return GroupsPage(groups=answers, next_cursor=following)


@router.get("/images", summary="What is in the photos?")
def get_images(
    id: AlbumId, context: InContext, key: Reader, cursor: Cursor = None, limit: Limit = 100
) -> ImagesPage:
    """Return photos with their faces, in the order of the album, page by page."""
    document = document_of(context, id)
    images, following = page_of(document["images"], document, cursor, limit)
    folder = str(context.folders.of(id))
    answers = [image_answer(document, image, folder) for image in images]
    return ImagesPage(images=answers, next_cursor=following)


@router.get("/people/{group_id}", summary="Everything of one person")
def get_person(id: AlbumId, group_id: GroupId, context: InContext, key: Reader) -> PersonAnswer:
    """Return a person with all faces, the most typical first."""
    document = document_of(context, id)
    return person_answer(document, _group(document, group_id), id)


@router.get(
    "/people/{group_id}/portrait",
    summary="A picture of one person",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
def get_portrait(id: AlbumId, group_id: GroupId, context: InContext, key: Reader) -> Response:
    """Return the most typical face with hair and chin, a JPEG of 256 pixels."""
    document: Any = document_of(context, id)
    group = _group(document, group_id)
    try:
        picture = portrait_of(context.folders.of(id), document, group["group_idx"])
    except InputError:
        raise not_found("picture") from None
    return Response(picture, media_type="image/jpeg")


@router.patch("/people", status_code=202, summary="Name, merge and split people")
def change_people(
    id: AlbumId, changes: PeopleChanges, response: Response, context: InContext, key: Writer
) -> AlbumAnswer:
    """Keep what a person knows better, and group the album again; photos are not looked at again.

    Corrections hold for all later groupings of the album.
    """
    document: Any = document_of(context, id)
    by_number = bool(changes.splits or changes.not_this_person or changes.ignored)
    if by_number and changes.revision is None:
        raise invalid("faces are named by their number in a result; say which with 'revision'")
    told = Corrections(
        names=[(change.group_id, change.name) for change in changes.names],
        merges=changes.merges,
        splits=changes.splits,
        not_this_person=changes.not_this_person,
        ignored=changes.ignored,
    )
    text = corrections_text(document, told)
    if not text:
        raise invalid("there is nothing to change")

    def write(album: AlbumRecord) -> None:
        if changes.revision not in (None, album.done):
            raise RefusedRequestError(
                409, "conflict", "the album was grouped again meanwhile; read it again"
            )
        add_corrections(context.folders.of(id), text)

    return album_answer(changed(context, response, id, meanwhile=write))


def _group(document: Mapping[str, Any], group_id: str) -> Mapping[str, Any]:
    for group in document["groups"]:
        if group["group_id"] == group_id:
            found: Mapping[str, Any] = group
            return found
    raise not_found("person")
