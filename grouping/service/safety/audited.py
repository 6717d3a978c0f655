"""Every request to the API in the audit log: :class:`Audited`, an ASGI middleware."""

from __future__ import annotations

from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grouping.service.safety.audit import WORD_PATTERN, AuditLog
from grouping.service.safety.strangers import Strangers, address_of
from grouping.service.web.error_envelope import request_id

API = "/v1/"


class Audited:
    """Writes a line for every request to the API, however it ends.

    What a route leaves in ``request.state.key`` (an API key) or ``request.state.link`` says who
    asked, whole numbers in ``request.state.counts`` what came of it.

    Args:
        app: what is behind it.
        log: is written to.
        strangers: says how many lines an address without a key or link may fill.
    """

    def __init__(self, app: ASGIApp, log: AuditLog, strangers: Strangers) -> None:
        self._app, self._log, self._strangers = app, log, strangers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or not scope["path"].startswith(API):
            await self._app(scope, receive, send)
            return
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._write(scope, status)

    def _write(self, scope: Scope, status: int) -> None:
        state: dict[str, Any] = scope.get("state", {})
        who = state.get("key") or state.get("link")
        address = address_of(HTTPConnection(scope))
        if who is None and not self._strangers.may_be_logged(address):
            return
        name = str(getattr(scope.get("route"), "name", "none"))
        self._log.write(
            name if WORD_PATTERN.fullmatch(name) else "other",
            status,
            key=None if who is None else who.id,
            album=scope.get("path_params", {}).get("id"),
            request=request_id.get(),
            caller=address or None,
            **state.get("counts", {}),
        )
