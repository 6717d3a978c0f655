"""Connections to addresses that were checked, and the whole exchange within one time limit.

urllib3 is imported where it is needed, and always as a whole: a thread that imports a part of
it while another thread is in the middle of importing it can find that part unfinished.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from grouping.errors import FetchError
from grouping.storage.retry import Deadline

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse
    from urllib3.connection import HTTPConnection
    from urllib3.util import Url

    from grouping.sources.web.http_photo import HttpOptions

MOST_ADDRESSES = 8  # of a name, that are tried


@contextmanager
def opened(
    target: Url,
    headers: Mapping[str, str],
    options: HttpOptions,
    deadline: Deadline,
    body: bytes | None = None,
) -> Iterator[BaseHTTPResponse]:
    """Ask for ``target``, or post ``body`` there.

    Every error below becomes a FetchError without the address in it.
    """
    import urllib3

    with _Watchdog(deadline) as watchdog:
        try:
            connection = _connect(target, options, deadline, watchdog)
            connection.request(
                "GET" if body is None else "POST",
                target.request_uri,
                body=body,
                headers=headers,
                preload_content=False,  # the body comes in pieces, so that limits hold
                decode_content=False,
            )
            yield connection.getresponse()
        except FetchError:
            if not watchdog.expired:
                raise
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            if not watchdog.expired:
                raise _connection_error(error) from error
        except ValueError as error:  # lengths and chunk sizes that are no numbers
            if not watchdog.expired:
                raise FetchError("the server's answer is not proper HTTP") from error
        if watchdog.expired:  # a cut within the headers looks like their end
            raise deadline.error()


class _Watchdog:
    """Cuts a connection from outside when time is up, and closes it in any case.

    The time-out of a socket starts anew with every byte, so it does not stop a server that
    drips, be it in the TLS handshake, the headers or the body.
    """

    def __init__(self, deadline: Deadline) -> None:
        self.expired = False
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(deadline.remaining, self._cut)
        self._timer.daemon = True

    def guard(self, connection: HTTPConnection) -> None:
        self._close()
        self._connection, self._socket = connection, None

    def connected(self) -> None:
        """Keep the socket: the connection lets go of it where the server is to close it."""
        self._socket = None if self._connection is None else self._connection.sock

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _cut(self) -> None:
        self.expired = True
        if self._socket is None:
            self.connected()
        if self._socket is not None:
            with suppress(OSError):  # closed already, by the server or by ourselves
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _connect(
    target: Url, options: HttpOptions, deadline: Deadline, watchdog: _Watchdog
) -> HTTPConnection:
    """A connection to the first permitted address that answers."""
    import urllib3

    host = (target.host or "").strip("[]")
    port = target.port or (443 if target.scheme == "https" else 80)
    addresses = options.policy.resolve(host, port, deadline)[:MOST_ADDRESSES]
    for address in addresses:
        connection = _connection(target.scheme, host, address, port, options)
        connection.timeout = min(options.connect_timeout, deadline.remaining or 0.001)
        watchdog.guard(connection)
        try:
            connection.connect()
        except (urllib3.exceptions.HTTPError, OSError):
            if address == addresses[-1] or watchdog.expired:
                raise
            continue
        break
    connection.sock.settimeout(options.read_timeout)
    watchdog.connected()
    return connection


def _connection(
    scheme: str | None, host: str, address: str, port: int, options: HttpOptions
) -> HTTPConnection:
    import urllib3

    if scheme == "http":
        return urllib3.connection.HTTPConnection(address, port)
    context = _tls_context(options.ca_file)
    return urllib3.connection.HTTPSConnection(
        address, port, server_hostname=host, ssl_context=context
    )


@lru_cache(maxsize=4)
def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


def _connection_error(error: Exception) -> FetchError:
    import urllib3

    if isinstance(error, ssl.SSLCertVerificationError):
        return FetchError("the server's certificate is not valid for its name")
    if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError):
        return FetchError("the server stopped answering", retryable=True)
    return FetchError("the connection failed or was dropped", retryable=True)
