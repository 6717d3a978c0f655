"""Links that a browser may follow without a key: signed, of one album and kind, expiring.

A token is a payload and its HMAC-SHA256 under a secret of the service. It holds the kind and the
album, so that one made for an album, a page or a photo opens no other. Nothing is stored of it:
a link ends by itself, with its album, or with all others when the secret is made anew.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from grouping.service.safety.secret_file import derived_secret
from grouping.service.web.refusals import RefusedRequestError

VERSION = "1"
EXPIRED, INVALID = "link_expired", "link_invalid"  # codes of refusals
MAC_BYTES = hashlib.sha256().digest_size
LONGEST_TOKEN = 600
TOKEN_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,550}\.[A-Za-z0-9_-]{43}")
FIELD_PATTERN = re.compile(r"[A-Za-z0-9_.:-]{0,128}")
SECONDS_PATTERN = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Link:
    """What a token says.

    Attributes:
        kind: what may be done with it: ``"guest"``, ``"page"``, ``"photo"``.
        album: the id of the album.
        subject: of what in the album; empty for all of it.
        expires: seconds of Unix time until which it is of use.
        id: random, 16 letters: the name of the link where requests are counted.
    """

    kind: str
    album: str
    subject: str
    expires: int
    id: str


class LinkSigner:
    """Makes and checks links.

    Args:
        secret: of the service, at least 32 bytes.
        clock: seconds of Unix time.
    """

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = derived_secret(secret, "links")
        self._clock = clock

    def sign(self, kind: str, album: str, seconds: int, subject: str = "") -> tuple[str, Link]:
        """Return a token that is of use for so many seconds, and what it says.

        Raises:
            ValueError: a part holds what is no letter, digit or ``_.:-``.
        """
        expires, id = int(self._clock()) + seconds, secrets.token_urlsafe(12)
        if not all(FIELD_PATTERN.fullmatch(field) for field in (kind, album, subject)):
            raise ValueError("kind, album and subject must be letters, digits and _.:-")
        payload = "\n".join([VERSION, kind, album, subject, str(expires), id]).encode()
        token = f"{_text(payload)}.{_text(self._mac(payload))}"
        return token, Link(kind, album, subject, expires, id)

    def check(self, token: str, kind: str, album: str) -> Link:
        """Return what a token says.

        Args:
            token: as a stranger sent it.
            kind, album: what it has to be for.

        Raises:
            RefusedRequestError: 403: it is not ours, it is for something else, or it is over.
        """
        payload = self._payload(token)
        if payload is None:
            raise _refused("this link is not valid; ask for a new one")
        version, its_kind, its_album, subject, expires, id = payload.decode().split("\n")
        if (version, its_kind, its_album) != (VERSION, kind, album):
            raise _refused("this link is for something else; ask for a new one")
        if int(expires) <= self._clock():
            raise _refused("this link has expired; ask for a new one", EXPIRED)
        return Link(its_kind, its_album, subject, int(expires), id)

    def _payload(self, token: str) -> bytes | None:
        """What a token carries, where we signed it."""
        if len(token) > LONGEST_TOKEN or not TOKEN_PATTERN.fullmatch(token):
            return None
        payload, mac = map(_decoded, token.split("."))
        if payload is None or mac is None:
            return None
        return payload if hmac.compare_digest(self._mac(payload), mac) else None

    def _mac(self, payload: bytes) -> bytes:
        return hmac.new(self._key, payload, hashlib.sha256).digest()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes | None:
    """The bytes; None unless this is the one way to write them."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return data if _text(data) == text else None


def _refused(message: str, code: str = INVALID) -> RefusedRequestError:
    return RefusedRequestError(403, code, message)
