"""``/healthz``, ``/readyz``, ``/metrics``: for those who run the service."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from grouping.service.context import InContext

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="Is the process alive?")
def healthz() -> dict[str, str]:
    """Answer, whatever else is wrong; a supervisor starts a process anew that does not."""
    return {"status": "ok"}


@router.get("/readyz", summary="Can it take requests?", responses={503: {}})
def readyz(context: InContext, response: Response) -> dict[str, Any]:
    """Say whether the store answers and jobs are taken; 503 where not."""
    checks = {"store": context.store.is_well(), "jobs": context.runner.is_well()}
    response.status_code = 200 if all(checks.values()) else 503
    return {"status": "ok" if all(checks.values()) else "unavailable", "checks": checks}


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
def metrics(context: InContext) -> Response:
    """Return queue, photos, faces, seconds by stage, failures by reason, requests."""
    return Response(context.metrics.text(), media_type=context.metrics.content_type)
