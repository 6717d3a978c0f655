"""Documents as answers: people, photos and faces, page by page."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from grouping.errors import InputError
from grouping.service.context import Context
from grouping.service.readable import grouped, unreadable
from grouping.service.schemas import FaceAnswer, GroupAnswer, ImageAnswer, PersonAnswer
from grouping.service.web.refusals import RefusedRequestError, invalid
from grouping.service.web.wording import for_callers

T = TypeVar("T")

OFFSET = re.compile(r"[0-9]{1,12}")


def document_of(context: Context, id: str) -> Mapping[str, Any]:
    """Return the results of an album.

    Raises:
        RefusedRequestError: 404: there is no such album; 409: it has no results yet, or must be
            grouped again; 503: they cannot be read now.
    """
    grouped(context.albums.get(id))
    try:
        return context.documents.get(context.folders.of(id))
    except InputError as error:
        raise unreadable(context, id, error) from None


def page_of(
    items: Sequence[T], document: Mapping[str, Any], cursor: str | None, limit: int
) -> tuple[Sequence[T], str | None]:
    """Return some items, and the cursor of those after them.

    Raises:
        RefusedRequestError: 422: the cursor is none; 409: the album was grouped again meanwhile.
    """
    state = str(document["created"])
    first = 0 if cursor is None else _offset(cursor, state)
    last = first + limit
    return items[first:last], None if last >= len(items) else cursor_of(str(last), state)


def cursor_of(place: str, of: str) -> str:
    """Return the cursor for a place in a list, and what tells the list or the entry from others."""
    return base64.urlsafe_b64encode(f"{place}@{of}".encode()).decode().rstrip("=")


def parts_of(cursor: str, place: re.Pattern[str]) -> tuple[str, str]:
    """Return the two parts of a cursor that a caller sent.

    Raises:
        RefusedRequestError: 422: it is none, or its place is not of this form.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    found, _, of = text.partition("@")
    if not place.fullmatch(found):
        raise invalid("the cursor is none; take the one of the page before")
    return found, of


def _offset(cursor: str, state: str) -> int:
    offset, made_of = parts_of(cursor, OFFSET)
    if made_of != state:
        raise RefusedRequestError(
            409, "conflict", "the album was grouped again meanwhile; begin with the first page"
        )
    return int(offset)


def group_answer(document: Mapping[str, Any], group: Mapping[str, Any], id: str) -> GroupAnswer:
    """Return one person."""
    return GroupAnswer(
        group_id=group["group_id"],
        name=group["name"],
        image_ids=group["image_ids"],
        faces=len(group["face2_idx_list"]),
        representative_face_idx=group["representative_face_idx"],
        cohesion=group["cohesion"],
        purity=group["purity"],
        portrait=f"/v1/albums/{id}/people/{group['group_id']}/portrait",
    )


def person_answer(document: Mapping[str, Any], group: Mapping[str, Any], id: str) -> PersonAnswer:
    """Return one person with all faces."""
    wanted = set(group["face2_idx_list"])
    photos = dict.fromkeys(group["original_images_idx_list"])
    faces = [
        face_answer(document, document["images"][photo], face)
        for photo in photos
        for face in document["images"][photo]["faces"]
        if face["face_idx"] in wanted
    ]
    faces.sort(key=lambda face: (-(face.similarity or 0.0), face.face_idx))
    return PersonAnswer(**group_answer(document, group, id).model_dump(), all_faces=faces)


def image_answer(document: Mapping[str, Any], image: Mapping[str, Any], folder: str) -> ImageAnswer:
    """Return one photo; places of this machine are not told."""
    groups = document["groups"]
    url = image.get("url") or ""
    shown = url if url.startswith(("https://", "s3://")) else None
    error = image.get("error")
    return ImageAnswer(
        id=image["id"],
        url=shown,
        width=image["width"],
        height=image["height"],
        rotation=image.get("rotation", 0),
        copy_of=image.get("copy_of"),
        group_ids=[groups[number]["group_id"] for number in image["group_idx"] if number >= 0],
        faces=[face_answer(document, image, face) for face in image["faces"]],
        error=None if error is None else _told(error, folder),
        warnings=[_told(warning, folder) for warning in image.get("warnings", [])],
    )


def _told(message: str, folder: str) -> str:
    return for_callers(message.replace(folder, "the album"))


def face_answer(
    document: Mapping[str, Any], image: Mapping[str, Any], face: Mapping[str, Any]
) -> FaceAnswer:
    """Return one face."""
    group = face["group_idx"]
    return FaceAnswer(
        face_idx=face["face_idx"],
        image_id=image["id"],
        box=face["box"],
        score=face["score"],
        quality=face["quality"],
        group_id=document["groups"][group]["group_id"] if group >= 0 else None,
        similarity=face["similarity"],
        drawn=face.get("drawn", False),
    )
