"""``/v1/albums``: albums as jobs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from grouping.service.callers import current_key
from grouping.service.context import InContext
from grouping.service.error_envelope import not_found
from grouping.service.routes.answers import album_answer
from grouping.service.safety.api_keys import ApiKey, Scope
from grouping.service.schemas import AlbumAnswer, AlbumId

router = APIRouter(prefix="/albums", tags=["albums"])

Reader = Annotated[ApiKey, Depends(current_key(Scope.READ))]
Writer = Annotated[ApiKey, Depends(current_key(Scope.WRITE))]


@router.get("/{id}", summary="How far is it, and what came of it?")
def get_album(id: AlbumId, context: InContext, key: Reader) -> AlbumAnswer:
    """Return the state of an album."""
    album = context.albums.get(id)
    if album is None:
        raise not_found()
    return album_answer(album)
