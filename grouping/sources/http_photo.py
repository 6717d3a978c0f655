"""Photos over http and https, from addresses and servers that may be hostile.

Every request, also after a redirect, goes to an address checked by
:mod:`grouping.sources.allowed_addresses`; the name is used only for the Host header and the
certificate. Size, time and redirects are limited. Proxies of the environment are not used: behind
one the address connected to could not be checked.

urllib3 is imported where it is needed, and always as a whole: a thread that imports a part of
it while another thread is in the middle of importing it can find that part unfinished.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Self

from grouping.errors import ConfigError, FetchError, ThrottledError
from grouping.sources.allowed_addresses import AddressPolicy
from grouping.sources.photo import MAX_PHOTO_BYTES, Fingerprint, Photo, too_large
from grouping.storage.retry import Deadline, with_retries

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse
    from urllib3.connection import HTTPConnection
    from urllib3.util import Url

USER_AGENT = "photo-album-face-grouping"
CHUNK_BYTES = 64 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_RETRY_AFTER = 30.0  # seconds; a server that asks for more is tried earlier
HINTS = {403: "; the address may have expired", 404: "; there is no such photo"}


@dataclass(frozen=True)
class HttpOptions:
    """Limits for photos over http.

    Attributes:
        allowed: hosts, addresses and networks that may be private: ``("nas.local",)``.
        connect_timeout, read_timeout: seconds of silence before a connection is given up.
        total_timeout: seconds for one photo, all tries and redirects together.
        max_redirects: more end the photo.
        attempts: tries for one photo.
        ca_file: a file of certificates to trust in place of the system's.

    Raises:
        ConfigError: a limit is not positive or ``allowed`` cannot be understood.
    """

    allowed: tuple[str, ...] = ()
    connect_timeout: float = 10.0
    read_timeout: float = 15.0
    total_timeout: float = 120.0
    max_redirects: int = 5
    attempts: int = 4
    ca_file: str | None = None

    def __post_init__(self) -> None:
        for name in ("connect_timeout", "read_timeout", "total_timeout", "attempts"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.max_redirects < 0:
            raise ConfigError(f"max_redirects must be at least 0, got {self.max_redirects}")
        _ = self.policy

    @cached_property
    def policy(self) -> AddressPolicy:
        """The addresses that may be connected to."""
        return AddressPolicy.parse(self.allowed)


@dataclass(frozen=True)
class HttpPhoto(Photo):
    """A photo at an http or https address; the address itself is never shown."""

    url: str = field(repr=False)
    options: HttpOptions = field(default=HttpOptions(), repr=False)
    max_bytes: int = MAX_PHOTO_BYTES

    def read(self) -> bytes:
        """See :meth:`Photo.read`."""
        return fetch(self.url, self.options, self.max_bytes)

    def fingerprint(self) -> Fingerprint:
        """Where it is; whether it changed takes a download."""
        return Fingerprint(self.location, None)


def fetch(url: str, options: HttpOptions, max_bytes: int = MAX_PHOTO_BYTES) -> bytes:
    """The body at ``url``.

    Raises:
        FetchError: refused, unreachable, an error status, or over a limit. The message never
            holds the address, which may carry a signature.
    """
    deadline = Deadline(options.total_timeout)
    return with_retries(
        lambda: _fetch_once(url, options, max_bytes, deadline), options.attempts, deadline
    )


def _fetch_once(url: str, options: HttpOptions, max_bytes: int, deadline: Deadline) -> bytes:
    target = _parse(url)
    for _ in range(options.max_redirects + 1):
        with _open(target, options, deadline) as response:
            if response.status not in REDIRECTS:
                _check_status(response)
                return _body(response, max_bytes)
            target = _redirect_target(target, response)
    raise FetchError(f"was redirected more than {options.max_redirects} times")


def _parse(url: str) -> Url:
    import urllib3

    try:
        target = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError as error:
        raise FetchError("is not a valid address") from error
    if target.scheme not in ("http", "https") or not target.host:
        raise FetchError("refused: only http and https addresses are followed")
    if target.auth:
        raise FetchError("refused: an address must not hold a user name or password")
    return target


def _redirect_target(origin: Url, response: BaseHTTPResponse) -> Url:
    from urllib.parse import urljoin

    location = response.headers.get("Location")
    if not location:
        raise FetchError(f"the server answered {response.status} without saying where to go")
    return _parse(urljoin(origin.url, location))


@contextmanager
def _open(target: Url, options: HttpOptions, deadline: Deadline) -> Iterator[BaseHTTPResponse]:
    """Ask for ``target``; every error below becomes a FetchError without the address in it."""
    import urllib3

    with _Watchdog(deadline) as watchdog:
        try:
            connection = _connect(target, options, deadline, watchdog)
            connection.request(
                "GET",
                target.request_uri,
                headers=_headers(target),
                preload_content=False,  # the body comes in pieces, so that limits hold
                decode_content=False,
            )
            yield connection.getresponse()
        except FetchError:
            if not watchdog.expired:
                raise
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            if not watchdog.expired:
                raise _explained(error) from error
        if watchdog.expired:  # a cut within the headers looks like their end
            raise deadline.error()


def _headers(target: Url) -> dict[str, str]:
    return {
        "Host": target.netloc or "",
        "User-Agent": USER_AGENT,
        "Accept": "image/*,*/*;q=0.5",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


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
    addresses = options.policy.resolve(host, port)
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


def _explained(error: Exception) -> FetchError:
    import urllib3

    if isinstance(error, ssl.SSLCertVerificationError):
        return FetchError("the server's certificate is not valid for its name")
    if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError):
        return FetchError("the server stopped answering", retryable=True)
    return FetchError("the connection failed or was dropped", retryable=True)


def _check_status(response: BaseHTTPResponse) -> None:
    status = response.status
    if status == 200:
        return
    message = f"the server answered {status}{HINTS.get(status, '')}"
    if status in PASSING_STATUS:
        raise ThrottledError(message, _retry_after(response))
    raise FetchError(message)


def _retry_after(response: BaseHTTPResponse) -> float:
    """Seconds; the other form of the header, a date, is left to our own backoff."""
    value = response.headers.get("Retry-After", "")
    return min(LONGEST_RETRY_AFTER, float(value)) if value.isdecimal() else 0.0


def _body(response: BaseHTTPResponse, max_bytes: int) -> bytes:
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large(max_bytes)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FetchError("the server answered compressed, which it was asked not to")
    body = bytearray()
    for chunk in response.stream(CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise too_large(max_bytes)
    if not body and announced != "0":
        raise FetchError("the connection was dropped before the photo", retryable=True)
    return bytes(body)
