"""``/v1/verify``, ``/v1/represent``, ``/v1/extract``, ``/v1/albums/{id}/find``."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["questions"])
