"""How much a request may send, and how long it may take: counted as the bytes come in.

An ASGI middleware, so that it holds whatever reads the body. Of a request that announces too much
no byte is read; of one that lies, or announces nothing, no more than the limit is ever in memory.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from grouping.service.web.error_envelope import error_answer
from grouping.service.web.refusals import RefusedRequestError, too_large
from grouping.service.web.stopping import Stopping, stopped

LimitOf = Callable[[Scope], int]

GRACE_SECONDS = 10.0  # before the rate of an upload counts
LINGER_SECONDS, LINGER_BYTES = 5.0, 256 * 2**20  # of a body that was refused, read and dropped
LEAST_RATE = 16 * 1024  # bytes a second, on the average since the first
TOO_SLOW = 408
SLOW = "the request came in too slowly; send it again over a better line"


class BodyLimit:
    """Refuses bodies that are too large or too slow.

    Args:
        app: what is behind it.
        limit_of: bytes that a request may send, by its scope.
        stopping: says that bodies are not waited for any more.
        seconds: for the whole body.
        grace: seconds before ``least_rate`` counts.
        least_rate: bytes a second.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit_of: LimitOf,
        *,
        stopping: Stopping | None = None,
        seconds: float = 3600.0,
        grace: float = GRACE_SECONDS,
        least_rate: float = LEAST_RATE,
    ) -> None:
        self._app, self._limit_of = app, limit_of
        self._stopping = stopping or Stopping()
        self._seconds, self._grace, self._least_rate = seconds, grace, least_rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._limit_of(scope)
        times = self._seconds, self._grace, self._least_rate
        body = _Body(receive, most, self._stopping, *times)
        started = refused = False

        async def refuse(refusal: RefusedRequestError) -> None:
            # What was not read cannot be told from a next request: the connection ends here.
            headers = {**refusal.headers, "Connection": "close"}
            answer = error_answer(refusal.status, refusal.code, refusal.message, headers)
            # The rest would come as slowly, or keep the service from its end.
            at_once = refusal.status == TOO_SLOW or self._stopping.begun
            await answer(scope, receive, send if at_once else lingering(scope, receive, send))

        async def watched_send(message: Message) -> None:
            nonlocal started, refused
            if body.refusal is not None and not started and not refused:
                # What read the body may have made something else of it: this is what is said.
                refused = True
                await refuse(body.refusal)
            if not refused:
                started = True
                await send(message)

        if (announced := _announced(scope)) is not None and announced > most:
            await refuse(too_large(most))
            return
        try:
            await self._app(scope, body.receive, watched_send)
        except RefusedRequestError as refusal:
            if not started and not refused:
                await refuse(refusal)


def lingering(scope: Scope, receive: Receive, send: Send) -> Send:
    """Return a ``send`` that sends an answer, and ends it when the rest of the body has come.

    Most clients send all before they read. One whose connection is closed meanwhile gets no answer
    but a broken pipe. What comes is dropped, up to a bound; who announced ``Expect:
    100-continue`` waits for the answer anyway.
    """
    waits = any(name == b"expect" for name, _ in scope["headers"])

    async def until_sent(message: Message) -> None:
        if waits or message["type"] != "http.response.body" or message.get("more_body"):
            await send(message)
            return
        await send({**message, "more_body": True})
        await _drop(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return until_sent


async def _drop(receive: Receive) -> None:
    """Read what still comes, up to a bound, and forget it."""
    count, more = 0, True
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while more and count < LINGER_BYTES:
                message = await receive()
                count += len(message.get("body", b""))
                more = bool(message.get("more_body", False))


class _Body:
    """The body of one request, as it comes in."""

    def __init__(
        self,
        receive: Receive,
        most: int,
        stopping: Stopping,
        seconds: float,
        grace: float,
        least_rate: float,
    ) -> None:
        self._receive, self._most, self._stopping = receive, most, stopping
        self._seconds, self._grace, self._least_rate = seconds, grace, least_rate
        self._since, self._count, self._whole = time.monotonic(), 0, False
        self.refusal: RefusedRequestError | None = None

    async def receive(self) -> Message:
        """Return the next message; waits without limit once the body is whole.

        Raises:
            RefusedRequestError: 413: too much came; 408: too slowly; 503: the service stops.
        """
        if self._whole:
            return await self._receive()
        try:
            async with self._stopping.within(self._left()):
                message = await self._receive()
        except TimeoutError:
            slow = RefusedRequestError(TOO_SLOW, "timeout", SLOW)
            self.refusal = stopped() if self._stopping.begun else slow
            raise self.refusal from None
        if self._stopping.begun and message.get("more_body", False):  # it may come for an hour yet
            self.refusal = stopped()
            raise self.refusal
        self._count += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._count > self._most:
            self.refusal = too_large(self._most)
            raise self.refusal
        return message

    def _left(self) -> float:
        """Seconds until the next bytes have to be there."""
        allowed = min(self._seconds, self._grace + self._count / self._least_rate)
        return max(0.0, self._since + allowed - time.monotonic())


def _announced(scope: Scope) -> int | None:
    """The bytes that a request says it has; None where it does not say, or says no number."""
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    return int(values[0][:20]) if values and values[0].isdigit() else None


def limit_by_path(limits: Mapping[str, int], otherwise: int) -> LimitOf:
    """Return limits that go by the last word of the path, as ``{"find": 20_000_000}``."""

    def limit_of(scope: Scope) -> int:
        return limits.get(str(scope["path"]).rstrip("/").rpartition("/")[2], otherwise)

    return limit_of
