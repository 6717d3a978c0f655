"""Photos over http and https, from addresses and servers that may be hostile.

Every request, also after a redirect, goes to an address checked by
:mod:`grouping.sources.web.allowed_addresses`; the name is used only for the Host header and the
certificate. Size, time and redirects are limited. Proxies of the environment are not used: behind
one the address connected to could not be checked.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import cached_property
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin
from urllib.request import Request

from grouping.errors import ConfigError, FetchError, ThrottledError
from grouping.records import Fingerprint
from grouping.sources.photo import MAX_PHOTO_BYTES, Photo, too_large_error
from grouping.sources.web.allowed_addresses import AddressPolicy
from grouping.sources.web.content_encoding import unpacked
from grouping.sources.web.http_connection import opened
from grouping.storage.locations import address_key
from grouping.storage.retry import (
    PASSING_STATUS,
    Deadline,
    check_positive,
    with_retries,
)
from grouping.version import PRODUCT

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse
    from urllib3.util import Url

CHUNK_BYTES = 64 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})
WHOLE = frozenset({200, 203})  # 203: a proxy has changed it
CONTENT_RANGE = re.compile(r"bytes 0-(\d{1,18})/(\d{1,18})")
ASCII_TEXT = "".join(map(chr, range(33, 127)))
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
        https_only: refuse ``http://``, after a redirect too.

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
    https_only: bool = False

    def __post_init__(self) -> None:
        check_positive(self, "connect_timeout", "read_timeout", "total_timeout", "attempts")
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

    def _read(self) -> bytes:
        return fetch(self.url, self.options, self.max_bytes)

    def _fingerprint(self) -> Fingerprint:
        """Where it is; whether it changed takes a download."""
        return Fingerprint(address_key(self.url), None)


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
    target = parsed_address(url)
    cookies = CookieJar()  # some servers set one and redirect to themselves
    for _ in range(options.max_redirects + 1):
        if options.https_only and target.scheme != "https":
            raise FetchError("refused: only https addresses are followed")
        request = Request(target.url)
        with opened(target, _headers(target, request, cookies), options, deadline) as response:
            if response.status not in REDIRECTS:
                _check_status(response)
                return _body(response, max_bytes)
            cookies.extract_cookies(response, request)  # type: ignore[arg-type]  # has info() too
            target = _redirect_target(target, response)
    raise FetchError(f"was redirected more than {options.max_redirects} times")


def parsed_address(url: str) -> Url:
    """Return the parts of an http or https address.

    Raises:
        FetchError: it is none, or holds a login.
    """
    import urllib3

    try:
        target = urllib3.util.parse_url(url)
    except (urllib3.exceptions.LocationParseError, ValueError) as error:
        raise FetchError("is not a valid address") from error
    if target.scheme not in ("http", "https") or not target.host:
        raise FetchError("refused: only http and https addresses are followed")
    if target.auth:
        raise FetchError("refused: an address must not hold a user name or password")
    return target


def _redirect_target(origin: Url, response: BaseHTTPResponse) -> Url:
    location = response.headers.get("Location")
    if not location:
        raise FetchError(f"the server answered {response.status} without saying where to go")
    # Headers are read as Latin-1: the bytes themselves are asked for, mostly UTF-8.
    text = quote(location.encode("latin-1", "ignore"), safe=ASCII_TEXT)
    try:
        return parsed_address(urljoin(origin.url, text))
    except ValueError as error:
        if isinstance(error, FetchError):
            raise
        raise FetchError("was redirected to what is not a valid address") from error


def _headers(target: Url, request: Request, cookies: CookieJar) -> dict[str, str]:
    cookies.add_cookie_header(request)
    cookie = request.get_header("Cookie")
    return {
        **({"Cookie": cookie} if cookie else {}),
        "Host": target.netloc or "",
        "User-Agent": PRODUCT,
        "Accept": "image/*,*/*;q=0.5",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def _check_status(response: BaseHTTPResponse) -> None:
    status = response.status
    if status in WHOLE or (status == 206 and _is_whole(response)):
        return
    message = f"the server answered {status}{HINTS.get(status, '')}"
    if status in PASSING_STATUS:
        raise ThrottledError(message, _retry_after(response))
    raise FetchError(message)


def _is_whole(response: BaseHTTPResponse) -> bool:
    """Whether the range that nobody asked for is all there is."""
    found = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    return found is not None and int(found[1]) + 1 == int(found[2])


def _retry_after(response: BaseHTTPResponse) -> float:
    """Seconds; the other form of the header, a date, is left to our own backoff."""
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return 0.0
    return min(LONGEST_RETRY_AFTER, max(0.0, seconds)) if math.isfinite(seconds) else 0.0


def _body(response: BaseHTTPResponse, max_bytes: int) -> bytes:
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large_error(max_bytes)
    body = bytearray()
    for chunk in response.stream(CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise too_large_error(max_bytes)
    if not body and announced != "0":
        raise FetchError("the connection was dropped before the photo", retryable=True)
    return unpacked(bytes(body), response.headers.get("Content-Encoding", ""), max_bytes)
