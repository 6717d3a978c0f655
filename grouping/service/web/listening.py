"""The socket of a service, bound before anything long is done, and how connections are kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

BACKLOG = 1024
MOST_FILES = 65_536
HEADER_SECONDS = 20.0


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: the address is not of this machine, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: else asyncio leaves Nagle's algorithm on, and the body of each answer
    # waits 40 ms for a caller to confirm its head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def allow_open_files() -> None:
    """Let the process open as many files and connections as the system lets it at most.

    The usual limit of 1,024 is used up by as many callers who connect and say nothing.
    """
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft < most:
        with suppress(OSError, ValueError):  # as many as there are, then
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def server_of(config: Any, before_stop: Callable[[], None]) -> Any:
    """Return uvicorn's server; what is called before it waits for requests to end is in its loop.

    Args:
        config: of uvicorn.
        before_stop: called once a signal came.
    """
    from uvicorn import Server

    class Told(Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            before_stop()
            await super().shutdown(sockets)

    return Told(config)


def impatient_protocol(seconds: float = HEADER_SECONDS) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol of HTTP with an end to connections that do not ask anything.

    uvicorn itself waits for ever for the head of a request, which may come byte by byte or never.

    Args:
        seconds: in which the whole head of the first or the next request has to be there.
    """
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    class Impatient(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._since = self.loop.time()
            self._look()

        def connection_lost(self, exc: Exception | None) -> None:
            self._timer.cancel()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            self._since = self.loop.time()
            super().on_response_complete()

        def _look(self) -> None:
            answered = self.cycle is None or self.cycle.response_complete
            if answered and self.loop.time() - self._since > seconds:
                self.transport.close()
            self._timer = self.loop.call_later(seconds / 4, self._look)

    return Impatient
