"""One form for every error: ``{"error": {"code", "message", "request_id"}}``."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Mapping
from contextvars import ContextVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from grouping.errors import (
    ConfigError,
    CorrectionsError,
    GroupingError,
    InputError,
    NoFaceError,
    PhotoError,
)
from grouping.service.web.refusals import RefusedRequestError, storage_full
from grouping.service.web.room import no_room
from grouping.service.web.wording import for_callers

log = logging.getLogger(__name__)

request_id: ContextVar[str] = ContextVar("request_id", default="-")

# The most special first. What the server could not do says nothing of how it is set up.
OF_ERRORS: tuple[tuple[type[GroupingError], int, str], ...] = (
    (NoFaceError, 422, "no_face"),
    (PhotoError, 422, "photo_unusable"),
    (CorrectionsError, 422, "corrections_unusable"),
    (InputError, 422, "invalid"),
    (ConfigError, 422, "invalid"),
)
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
}
LONGEST_MESSAGE = 500  # characters
STORE_AWAY = "the store of the service cannot be reached now; ask again in a moment"
AWAY_SECONDS = 5
# Names that pydantic gives to the kinds of a value, as "constrained-str": nobody sent them.
KIND_OF_VALUE = re.compile(r"(?:constrained-)?(?:str|int|float)|.*[\[(].*")


def not_found(what: str = "album") -> RefusedRequestError:
    """The answer where something is not there, or not any more."""
    return RefusedRequestError(
        404, "not_found", f"there is no such {what}; it may have been erased"
    )


def error_answer(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The envelope."""
    line = " ".join(message.split())[:LONGEST_MESSAGE].encode("utf-8", "replace").decode()
    body = {"error": {"code": code, "message": line, "request_id": request_id.get()}}
    return JSONResponse(body, status, headers=dict(headers or {}))


def add_error_handlers(app: FastAPI) -> None:
    """Have every error of an app answered in the envelope."""
    app.add_exception_handler(RefusedRequestError, _refused)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(GroupingError, _grouping_error)
    app.add_exception_handler(SQLAlchemyError, _store_error)


def unforeseen(error: Exception) -> JSONResponse:
    """The answer where the service itself is wrong; the log has the rest."""
    trace = "".join(traceback.format_exception(error))
    log.error("request failed", extra={"fields": {"request": request_id.get(), "trace": trace}})
    return error_answer(500, "internal", "the service failed; its log has the request id")


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RefusedRequestError)
    return error_answer(error.status, error.code, error.message, error.headers)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "error")
    headers = _allowed(request) if error.status_code == 405 else error.headers
    return error_answer(error.status_code, code, error.detail, headers)


def _allowed(request: Request) -> dict[str, str]:
    """Return all methods of an address, which several routes share."""
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, APIRoute) and route.matches(request.scope)[0] != Match.NONE:
            found |= route.methods or set()
    return {"Allow": ", ".join(sorted(found))}


async def _validation_error(_: Request, error: Exception) -> JSONResponse:
    """What is wrong and where; not what was sent, which may be a face or a key."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"]]
    place = ".".join(part for part in parts if not KIND_OF_VALUE.fullmatch(part))
    message = first["msg"].removeprefix("Value error, ")
    return error_answer(422, "invalid", f"{place}: {message}")


async def _grouping_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GroupingError)
    for kind, status, code in OF_ERRORS:
        if isinstance(error, kind):
            return error_answer(status, code, for_callers(str(error)))
    return await _refused(request, storage_full()) if no_room(error) else unforeseen(error)


async def _store_error(request: Request, error: Exception) -> JSONResponse:
    """The store has no room, or cannot be reached for a while; anything else is a bug."""
    if no_room(error):
        return await _refused(request, storage_full())
    if not isinstance(error, OperationalError | InterfaceError | PoolTimeoutError):
        return unforeseen(error)
    log.error("the store cannot be reached: %s", type(error).__name__)
    return error_answer(503, "unavailable", STORE_AWAY, {"Retry-After": str(AWAY_SECONDS)})
