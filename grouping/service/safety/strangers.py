"""Requests that show no valid key or link: how many an address may send, in bounded memory."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable

from starlette.requests import HTTPConnection

from grouping.service.safety.rate_limits import TokenBuckets
from grouping.service.web.refusals import RefusedRequestError, too_many

MOST_ADDRESSES = 10_000
TOO_MANY = "too many requests without a valid key or link; ask again after Retry-After seconds"
SHARED_BITS = 64  # of an address of IPv6: one line has all addresses that begin so


class Strangers:
    """Counts what addresses send that is no key or link of ours.

    Addresses are kept as hashes under a key of this process, so that memory tells none. Of more
    than ``most``, the one that was heard of longest ago starts anew: whoever has so many is for the
    proxy or the firewall to stop. Behind a proxy that is not believed all callers are one address.

    Args:
        per_minute: requests of one address; so many at once, too.
        most: addresses that are kept.
        clock: seconds, never backwards.
    """

    def __init__(
        self,
        per_minute: float,
        most: int = MOST_ADDRESSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = secrets.token_bytes(32)
        self._refusals = TokenBuckets(per_minute, per_minute, most, clock)
        self._lines = TokenBuckets(per_minute, per_minute, most, clock)

    def are_many(self, address: str) -> bool:
        """Whether an address has sent as much as it may."""
        return self._refusals.wait(self._hash(address)) > 0

    def refused(self, address: str, refusal: RefusedRequestError) -> RefusedRequestError:
        """Count a refusal; returns it, or 429 where the address had too many."""
        wait = self._refusals.take(self._hash(address))
        return too_many(TOO_MANY, wait) if wait else refusal

    def may_be_logged(self, address: str) -> bool:
        """Count a line of the audit log; False where the address filled it enough."""
        return not self._lines.take(self._hash(address))

    def _hash(self, address: str) -> str:
        text = line_of(address).encode("utf-8", "replace")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


def line_of(address: str) -> str:
    """Return what one caller has to itself: an address of IPv4, a network of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, SHARED_BITS), strict=False))


def address_of(connection: HTTPConnection) -> str:
    """Return the address that a request comes from, as a proxy that is believed says it."""
    return "" if connection.client is None else connection.client.host
