"""Albums, photos and requests as the store gives and takes them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

ID_BYTES = 16  # 22 characters
QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
DELETING = "deleting"  # gone for callers; files are left until the job has let go


@dataclass(frozen=True)
class NewPhoto:
    """A photo of an album: at an address, or uploaded.

    Attributes:
        id: the caller's, a string or a whole number.
        url: its address; None for an upload.
        file: the name of an upload in the album's folder of uploads; None for an address.
    """

    id: str | int
    url: str | None = None
    file: str | None = None


@dataclass(frozen=True)
class AlbumRecord:
    """One album.

    Attributes:
        id: 22 characters that nobody guesses.
        state: ``queued``, ``running``, ``done``, ``failed``.
        key_id: the API key that made it.
        created, changed: seconds since 1970.
        photos: how many callers named or uploaded; those below prefixes are not counted.
        settings: what callers chose.
        prefixes: addresses in S3 whose photos are the album's too.
        webhook: address that is told of the end of each job.
        progress: of the job at work or the last one.
        counts: of the results.
        failures: how many photos failed, by reason.
        error: why the last job failed.
        wanted, done: number of the last change that was asked for, and that the results hold.
        runs: jobs that were finished.
    """

    id: str
    state: str
    key_id: str
    created: float
    changed: float
    photos: int
    settings: dict[str, Any]
    prefixes: list[str]
    webhook: str | None
    progress: dict[str, int]
    counts: dict[str, int]
    failures: dict[str, int]
    error: str | None
    wanted: int
    done: int
    runs: int


@dataclass(frozen=True)
class Repeat:
    """How a request is known again: ``Idempotency-Key``.

    Attributes:
        key_id: the API key.
        request_key: SHA-256 of what the caller sent as the key.
        digest: SHA-256 of the request.
    """

    key_id: str
    request_key: str
    digest: str


class QueueFullError(Exception):
    """As many albums wait as may."""


class TooManyPhotosError(Exception):
    """An album would have more photos than it may."""


class RepeatError(Exception):
    """Another request was made with the same key."""


def new_id() -> str:
    """Return the id of a new album."""
    return secrets.token_urlsafe(ID_BYTES)


def unique_names(names: Iterable[str], known: Iterable[str | int] = ()) -> list[str]:
    """Return names of which none is known or there twice: ``a.jpg``, ``a.jpg (2)``.

    Phones call every photo ``image.jpg``: ten thousand of one name are no more work than others.
    """
    taken, last = set(known), dict[str, int]()
    found = []
    for name in names:
        number, unique = last.get(name, 1), name
        while unique in taken:
            number += 1
            unique = f"{name} ({number})"
        last[name] = number
        taken.add(unique)
        found.append(unique)
    return found


def record_of(row: Row[Any]) -> AlbumRecord:
    """Return the album of a row."""
    values = row._mapping
    names = AlbumRecord.__dataclass_fields__
    texts = ("settings", "prefixes", "progress", "counts", "failures")
    return AlbumRecord(
        **{name: json.loads(values[name]) if name in texts else values[name] for name in names}
    )
