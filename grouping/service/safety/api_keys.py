"""API keys: made once, shown once, kept as SHA-256, with scopes.

A key is 256 random bits, which nobody can guess, however fast the hash: scrypt or argon2 slow down
the guessing of passwords that people choose, and would cost every request tens of milliseconds. Of
a key no more than its digest is kept; who reads the store learns none that could be used.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from grouping.errors import InputError
from grouping.service.web.refusals import RefusedRequestError

PREFIX = "fg_"  # so that scanners of repositories and logs can tell a key that leaked
RANDOM_BYTES = 32
KEY_PATTERN = re.compile(r"fg_[A-Za-z0-9_-]{43}")
ID_LETTERS = 16  # of the digest; 64 bits tell keys apart, and say nothing of the other 192
LONGEST_NAME = 100
REALM = 'Bearer realm="photo albums"'


class Scope(StrEnum):
    """What a key may do; none contains another."""

    READ = "read"  # albums, groups, photos, pages
    WRITE = "write"  # albums made, changed and deleted; links for guests
    FIND = "find"  # questions by a face: verify, represent, extract, find


@dataclass(frozen=True)
class ApiKey:
    """What is kept of a key.

    Attributes:
        id: tells it from others; in lists and in the audit log.
        name: what people call it.
        scopes: what it may do.
        digest: SHA-256 of the key, 64 hexadecimal digits.
        created: when.
        revoked: since when it is of no use; None while it is.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    digest: str
    created: datetime
    revoked: datetime | None = None


class KeyStore(Protocol):
    """Where keys are looked up."""

    def key(self, id: str) -> ApiKey | None:
        """Return the one of that id, None without one."""


def new_key(name: str, scopes: Iterable[str]) -> tuple[str, ApiKey]:
    """Return a new key, to be shown once, and what is kept of it.

    Args:
        name: for people, up to ``LONGEST_NAME`` printable characters.
        scopes: what it may do.

    Raises:
        InputError: the name is none, or a scope is unknown.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"a key needs a name of 1 to {LONGEST_NAME} printable characters")
    text = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    digest = digest_of(text)
    return text, ApiKey(digest[:ID_LETTERS], name, _scopes(scopes), digest, datetime.now(UTC))


def digest_of(key: str) -> str:
    """Return the SHA-256 of a key, 64 hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def _scopes(words: Iterable[str]) -> frozenset[Scope]:
    known = [scope.value for scope in Scope]
    given = [word.strip() for word in words]
    unknown = [word for word in given if word not in known]
    if unknown or not given:
        raise InputError(
            f"{unknown[0]!r:.40} is no scope; known are {', '.join(known)}"
            if unknown
            else f"a key needs a scope: {', '.join(known)}"
        )
    return frozenset(map(Scope, given))


def key_of_request(authorization: Sequence[str], store: KeyStore) -> ApiKey:
    """Return the key that a request was sent with.

    Args:
        authorization: the values of all headers of that name.
        store: where keys are kept.

    Raises:
        RefusedRequestError: 401: there is none, or it is of no use.
    """
    if not authorization:
        raise _unauthorised("send an API key as 'Authorization: Bearer fg_...'")
    scheme, _, text = authorization[0].strip().partition(" ")
    text = text.strip()
    if len(authorization) > 1 or scheme.lower() != "bearer" or not KEY_PATTERN.fullmatch(text):
        raise _unauthorised("the header must be one 'Authorization: Bearer fg_...'", known=False)
    digest = digest_of(text)
    known = store.key(digest[:ID_LETTERS])
    # Compared in constant time, with something of the same length where there is no such key.
    equal = hmac.compare_digest(digest, known.digest if known else "0" * len(digest))
    if known is None or not equal or known.revoked is not None:
        raise _unauthorised("the API key is not known or was revoked; ask for another", known=False)
    return known


def check_scope(key: ApiKey, scope: Scope) -> None:
    """Raise RefusedRequestError, 403, unless a key may do that."""
    if scope not in key.scopes:
        raise RefusedRequestError(
            403,
            "forbidden",
            f"this needs a key with the scope {scope.value!r}; make one with 'keys create'",
            {"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{scope.value}"'},
        )


def _unauthorised(message: str, *, known: bool = True) -> RefusedRequestError:
    """The refusal of a request without a key, or (not ``known``) with a wrong one; RFC 6750."""
    challenge = REALM if known else f'{REALM}, error="invalid_token"'
    return RefusedRequestError(401, "unauthorized", message, {"WWW-Authenticate": challenge})
