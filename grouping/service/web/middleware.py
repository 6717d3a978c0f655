"""What is done for every request: its id, its time, and an answer whatever happens."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from typing import Any
from urllib.parse import quote

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grouping.service.web.error_envelope import error_answer, request_id, unforeseen
from grouping.service.web.stopping import stopped

log = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
HEADER = b"x-request-id"
NO_ROUTE = "none"
OPERATIONS = frozenset({"/healthz", "/readyz", "/metrics"})  # asked every few seconds
# Of every answer: it is not kept by anybody on the way, and not taken for something else.
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class EveryRequest:
    """Gives a request its id, counts and logs it, and answers where nothing else did.

    Args:
        app: what is behind it.
        app_state: of the app; its context has the metrics.
    """

    def __init__(self, app: ASGIApp, app_state: Any) -> None:
        self._app, self._state = app, app_state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = request_id.set(_id_of(scope))
        since, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [_relative(scope, *each) for each in message["headers"]]
                present = {name.lower() for name, _ in message["headers"]}
                added = [(n, v) for n, v in HEADERS if n not in present]
                message["headers"] = [
                    *message["headers"],
                    *added,
                    (HEADER, request_id.get().encode()),
                ]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            status = status or 499
        except asyncio.CancelledError:
            if not self._state.stopping.begun:
                raise
            if not status:  # the time is over that a stop gives to requests
                refusal = stopped()
                told = refusal.code, refusal.message, refusal.headers
                await error_answer(refusal.status, *told)(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - the last resort: answered and logged
            response = unforeseen(error)
            if not status:
                await response(scope, receive, answer)
        finally:
            self._told(scope, status, time.perf_counter() - since)
            request_id.reset(token)

    def _told(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        self._state.context.metrics.request(route, status, seconds)
        fields = {"method": scope["method"], "route": route, "status": status}
        fields |= {"milliseconds": round(1000 * seconds), "request": request_id.get()}
        level = logging.DEBUG if route in OPERATIONS else logging.INFO
        log.log(level, "request", extra={"fields": fields})


def _relative(scope: Scope, name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A header; a redirect to another slash at the end leads there whatever is before the path.

    Starlette's names scheme and host as they seem from here: behind a proxy that is not believed it
    would send the token of a link over http.
    """
    if name.lower() != b"location" or not value.startswith((b"http://", b"https://")):
        return name, value
    path = str(scope["path"])
    last = quote(path.rstrip("/").rpartition("/")[2], safe="")
    slashes = len(path) - len(path.rstrip("/"))
    place = "../" * slashes + last if slashes else f"./{last}/"
    query = scope["query_string"]
    return name, place.encode() + (b"?" + query if query else b"")


def _id_of(scope: Scope) -> str:
    """The id that the caller gave, if it is one, else a new one."""
    for name, value in scope["headers"]:
        if name == HEADER and REQUEST_ID.fullmatch(text := value.decode("latin-1")):
            return str(text)
    return secrets.token_hex(8)
