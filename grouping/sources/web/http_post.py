"""A message posted to an address that a stranger named, as carefully as photos are fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grouping.errors import FetchError
from grouping.sources.web.http_connection import opened
from grouping.sources.web.http_photo import HttpOptions, parsed_address
from grouping.storage.retry import Deadline
from grouping.version import PRODUCT

MOST_READ = 4096  # bytes of an answer, of which nothing is used
OWN_HEADERS = frozenset({"host", "content-length", "connection", "transfer-encoding"})


@dataclass(frozen=True)
class PostAnswer:
    """What a server said to a message.

    Attributes:
        status: of HTTP; a redirect is not followed.
        retry_after: seconds that it asks to wait, 0 where it does not.
    """

    status: int
    retry_after: float


def check_post_address(url: str, *, allow_http: bool = False) -> None:
    """Find out from its text alone whether a message may be posted to an address.

    Raises:
        FetchError: it is no address, not of https, or holds a login.
    """
    target = parsed_address(url)
    if target.scheme != "https" and not allow_http:
        raise FetchError("refused: messages are posted to https addresses only")


def post_message(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    options: HttpOptions | None = None,
    allow_http: bool = False,
) -> PostAnswer:
    """Post a message once; the address connected to is checked as those of photos are.

    Args:
        url: where to.
        body: of the message.
        headers: that go with it.
        options: limits and allowed hosts; ``attempts`` and ``max_redirects`` are not used.
        allow_http: post to ``http://`` as well.

    Raises:
        FetchError: refused or unreachable; ``retryable`` says whether a later try may help.
    """
    check_post_address(url, allow_http=allow_http)
    options = options or HttpOptions(total_timeout=15.0)
    target, deadline = parsed_address(url), Deadline(options.total_timeout)
    sent = {name: value for name, value in headers.items() if name.lower() not in OWN_HEADERS}
    sent |= {"Host": target.netloc or "", "User-Agent": PRODUCT, "Connection": "close"}
    with opened(target, sent, options, deadline, body) as response:
        response.read(MOST_READ, decode_content=False)
        return PostAnswer(response.status, _seconds(response.headers.get("Retry-After", "")))


def _seconds(text: str) -> float:
    """The number of a Retry-After; its other form, a date, is left to the caller's own pauses."""
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0.0
