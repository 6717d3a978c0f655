"""``/v1/albums/{id}/page/`` and ``/v1/albums/{id}/me``: pages for people."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["pages"])
