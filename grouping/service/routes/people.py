"""``/v1/albums/{id}/groups``, ``.../images``, ``.../people``: what was found."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["people"])
