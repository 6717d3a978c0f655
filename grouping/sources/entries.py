"""Dictionaries, addresses and images of an API caller to photos, none of which is read.

What a command line names is listed in :mod:`grouping.sources.listing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from grouping.errors import FetchError, InputError
from grouping.sources.photo import (
    MAX_PHOTO_BYTES,
    LocalPhoto,
    MemoryPhoto,
    Photo,
    RefusedPhoto,
)
from grouping.sources.s3_photo import s3_photo
from grouping.sources.web.http_photo import HttpOptions, HttpPhoto
from grouping.storage.locations import holds_login, local_path, printable, scheme_of, shown_url
from grouping.storage.s3.client import S3Options

LOCAL_REFUSED = "refused: local paths are read only with allow_local=True"
S3_REFUSED = (
    "refused: s3:// addresses are read only from buckets named in S3Options(buckets=...), "
    "or with allow_s3=True"
)
LOGIN_REFUSED = "refused: an address must not hold a user name or password"


@dataclass(frozen=True)
class SourceOptions:
    """How photos are fetched.

    Attributes:
        max_bytes: a larger photo is reported and left out.
        http: limits and allowed hosts of http and https.
        s3: how S3 is reached.
    """

    max_bytes: int = MAX_PHOTO_BYTES
    http: HttpOptions = field(default_factory=HttpOptions)
    s3: S3Options = field(default_factory=S3Options)


def photos_from_entries(
    entries: Iterable[Any],
    *,
    allow_local: bool = False,
    allow_s3: bool = False,
    options: SourceOptions | None = None,
) -> list[Photo]:
    """One photo for each entry, in order; the entries are not changed.

    Args:
        entries: ``{"id": ..., "url": ...}`` with ``http(s)://`` or ``s3://``; or, with the
            position as id, a ``pathlib.Path``, the bytes of an image file, a PIL image or an
            (H, W, 3) uint8 RGB array. Ids may repeat.
        allow_local: also accept ``file://`` and paths as ``"url"``. Off by default, because a
            service hands on what strangers send.
        allow_s3: accept ``s3://`` of every bucket that the credentials of this process reach;
            without it only those of ``options.s3.buckets``.
        options: limits; the defaults suit a service.

    Raises:
        InputError: an entry is of another form; the message names its position. An address
            that is merely refused or wrong fails when it is read, alone.
    """
    options = options or SourceOptions()
    if isinstance(entries, str | bytes | Mapping) or not isinstance(entries, Iterable):
        raise InputError(f"images must be a list of photos, got a {type(entries).__name__}")
    leave = _Leave(allow_local, allow_s3 or bool(options.s3.buckets))
    return [
        _photo_of(position, f"images[{position}]", entry, leave, options)
        for position, entry in enumerate(entries)
    ]


def photo_from(
    entry: Any,
    *,
    name: str = "photo",
    allow_local: bool = False,
    options: SourceOptions | None = None,
) -> Photo:
    """The photo that one argument of a caller stands for.

    Args:
        entry: what :func:`photos_from_entries` takes, or an address as a plain string.
        name: of the argument, for messages; a photo in memory is called by it.
        allow_local: also accept ``file://`` and paths as strings, and ``s3://`` of every bucket,
            not only of those that the options name.
        options: limits of the fetching.

    Raises:
        InputError: it is of another form.
    """
    options = options or SourceOptions()
    leave = _Leave(allow_local, allow_local or bool(options.s3.buckets))
    if isinstance(entry, str) and entry:
        return _photo_at(entry, name, leave, options)
    return _photo_of(name, name, entry, leave, options)


def photo_at(url: str, id: Any, options: SourceOptions, *, local_base: Path | None = None) -> Photo:
    """The photo at an address.

    Args:
        url: ``http(s)://``, ``s3://``, ``file://`` or a path.
        id: the photo's id.
        options: limits of the fetching.
        local_base: the folder that relative paths start from; None refuses local files.
    """
    scheme, location = scheme_of(url), shown_url(url)
    if scheme in ("http", "https"):
        return HttpPhoto(id, location, url, options.http, options.max_bytes)
    if scheme == "s3" and holds_login(url):
        return RefusedPhoto(id, location, LOGIN_REFUSED)
    if scheme == "s3":
        return s3_photo(url, id, options.s3, options.max_bytes)
    if scheme not in ("file", ""):
        return RefusedPhoto(id, location, f"refused: {scheme}:// addresses are not supported")
    if local_base is None:
        return RefusedPhoto(id, location, LOCAL_REFUSED)
    try:
        path = local_base / local_path(url)
    except FetchError as error:
        return RefusedPhoto(id, location, str(error))
    return LocalPhoto(id, printable(path), path, options.max_bytes)


class _Leave(NamedTuple):
    """What dictionaries may name besides http."""

    local: bool
    s3: bool


def _photo_of(id: int | str, name: str, entry: Any, leave: _Leave, options: SourceOptions) -> Photo:
    if isinstance(entry, Mapping):
        return _photo_of_mapping(name, entry, leave, options)
    if isinstance(entry, Path):
        return LocalPhoto(id, printable(entry), entry, options.max_bytes)
    location = f"<image {id}>" if isinstance(id, int) else f"<{name}>"
    if isinstance(entry, bytes | bytearray | memoryview):
        return MemoryPhoto(id, location, data=bytes(entry))
    if _is_pil_image(entry):
        return MemoryPhoto(id, location, image=entry)
    if hasattr(entry, "__array_interface__"):
        return MemoryPhoto(id, location, array=_checked_array(name, entry))
    raise InputError(
        f"{name} is a {type(entry).__name__}; give a dictionary with 'id' and 'url', "
        "a pathlib.Path, bytes, a PIL image or an (H, W, 3) uint8 RGB array"
    )


def _photo_of_mapping(
    name: str, entry: Mapping[str, Any], leave: _Leave, options: SourceOptions
) -> Photo:
    missing = [key for key in ("id", "url") if key not in entry]
    if missing:
        raise InputError(f"{name} lacks {' and '.join(map(repr, missing))}")
    url = entry["url"]
    if not isinstance(url, str) or not url:
        raise InputError(f"{name}['url'] must be a non-empty string, got {url!r:.60}")
    if not _fits_json(entry["id"]):
        raise InputError(
            f"{name}['id'] is {entry['id']!r:.60}, which JSON does not know; give another one"
        )
    return _photo_at(url, entry["id"], leave, options)


def _fits_json(id: Any) -> bool:
    """Whether an id holds neither NaN nor an infinite number, which JSON has no words for.

    One of another type than JSON knows is the caller's affair.
    """
    try:
        json.dumps(id, allow_nan=False, default=float)
    except TypeError:
        return True
    except (ValueError, RecursionError):
        return False
    return True


def _photo_at(url: str, id: Any, leave: _Leave, options: SourceOptions) -> Photo:
    if scheme_of(url) == "s3" and not leave.s3:
        return RefusedPhoto(id, shown_url(url), S3_REFUSED)
    return photo_at(url, id, options, local_base=Path() if leave.local else None)


def _is_pil_image(entry: Any) -> bool:
    """Without importing Pillow: who holds such an image has imported it."""
    return any(
        base.__name__ == "Image" and base.__module__ == "PIL.Image" for base in type(entry).__mro__
    )


def _checked_array(name: str, entry: Any) -> Any:
    import numpy as np

    array = np.asarray(entry)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise InputError(
            f"{name} must be an array (H, W, 3) of uint8 RGB, "
            f"got {array.dtype} of shape {array.shape}"
        )
    return array
