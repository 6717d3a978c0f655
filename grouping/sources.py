"""Where photos come from: what a caller hands over, or what a command line names.

==========================  =========================================
``photos_from_entries``     dictionaries and images of an API caller
``list_sources``            folders, files, addresses of a command line
==========================  =========================================

Both give ``Photo`` objects and read no photo.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from grouping.errors import InputError, SourceError
from grouping.folders import photos_in_folder
from grouping.http_source import HttpOptions, HttpPhoto
from grouping.locations import printable, scheme_of, shown_url
from grouping.photo import (
    MAX_PHOTO_BYTES,
    Fingerprint,
    LocalPhoto,
    MemoryPhoto,
    Photo,
    RefusedPhoto,
)

__all__ = [
    "Fingerprint",
    "LocalPhoto",
    "MemoryPhoto",
    "Photo",
    "SourceOptions",
    "list_sources",
    "photos_from_entries",
]

LOCAL_REFUSED = "refused: local paths are read only with allow_local=True"


@dataclass(frozen=True)
class SourceOptions:
    """How photos are fetched.

    Attributes:
        max_bytes: a larger photo is reported and left out.
        http: limits and allowed hosts of http and https.
    """

    max_bytes: int = MAX_PHOTO_BYTES
    http: HttpOptions = field(default_factory=HttpOptions)


def photos_from_entries(
    entries: Iterable[Any], *, allow_local: bool = False, options: SourceOptions | None = None
) -> list[Photo]:
    """One photo for each entry, in order; the entries are not changed.

    Args:
        entries: ``{"id": ..., "url": ...}`` with ``http(s)://`` or ``s3://``; or, with the
            position as id, a ``pathlib.Path``, the bytes of an image file, a PIL image or an
            (H, W, 3) uint8 RGB array. Ids may repeat.
        allow_local: also accept ``file://`` and paths as ``"url"``. Off by default, because a
            service hands on what strangers send.
        options: limits; the defaults suit a service.

    Raises:
        InputError: an entry is of another form; the message names its position. An address
            that is merely refused or wrong fails when it is read, alone.
    """
    options = options or SourceOptions()
    return [
        _photo_of(position, entry, allow_local, options) for position, entry in enumerate(entries)
    ]


def list_sources(
    sources: Sequence[str | Path],
    *,
    out: str | Path | None = None,
    options: SourceOptions | None = None,
) -> Iterator[Photo]:
    """The photos of every source in turn, found while they are asked for.

    Args:
        sources: folders (recursive, by name), files, ``http(s)://`` addresses. A photo's id is
            its location.
        out: folder of results, left out where it lies inside a source.
        options: limits of the fetching.

    Raises:
        SourceError: a source does not exist or holds no photo; raised at once, before the
            first photo is read.
    """
    options = options or SourceOptions()
    return chain.from_iterable([_started(_list_one(s, out, options), s) for s in sources])


def photo_at(url: str, id: Any, options: SourceOptions, *, local_base: Path | None = None) -> Photo:
    """The photo at an address.

    Args:
        url: ``http(s)://``, ``s3://``, ``file://`` or a path.
        id: the photo's id.
        options: limits of the fetching.
        local_base: the folder that relative paths start from; None refuses local files.
    """
    scheme = scheme_of(url)
    if scheme in ("http", "https"):
        return HttpPhoto(id, shown_url(url), url, options.http, options.max_bytes)
    if scheme not in ("file", ""):
        return RefusedPhoto(id, shown_url(url), f"refused: {scheme}:// addresses are not supported")
    if local_base is None:
        return RefusedPhoto(id, printable(url), LOCAL_REFUSED)
    return LocalPhoto.at(local_base / _local_path(url), id=id, max_bytes=options.max_bytes)


def _photo_of(position: int, entry: Any, allow_local: bool, options: SourceOptions) -> Photo:
    if isinstance(entry, Mapping):
        return _photo_of_mapping(position, entry, allow_local, options)
    if isinstance(entry, Path):
        return LocalPhoto.at(entry, id=position, max_bytes=options.max_bytes)
    location = f"<image {position}>"
    if isinstance(entry, bytes | bytearray | memoryview):
        return MemoryPhoto(position, location, data=bytes(entry))
    if _is_pil_image(entry):
        return MemoryPhoto(position, location, image=entry)
    if hasattr(entry, "__array_interface__"):
        return MemoryPhoto(position, location, array=_checked_array(position, entry))
    raise InputError(
        f"images[{position}] is a {type(entry).__name__}; give a dictionary with 'id' and 'url', "
        "a pathlib.Path, bytes, a PIL image or an (H, W, 3) uint8 RGB array"
    )


def _photo_of_mapping(
    position: int, entry: Mapping[str, Any], allow_local: bool, options: SourceOptions
) -> Photo:
    missing = [key for key in ("id", "url") if key not in entry]
    if missing:
        raise InputError(f"images[{position}] lacks {' and '.join(map(repr, missing))}")
    url = entry["url"]
    if not isinstance(url, str) or not url:
        raise InputError(f"images[{position}]['url'] must be a non-empty string, got {url!r:.60}")
    return photo_at(url, entry["id"], options, local_base=Path() if allow_local else None)


def _is_pil_image(entry: Any) -> bool:
    """Without importing Pillow: who holds such an image has imported it."""
    return any(
        base.__name__ == "Image" and base.__module__ == "PIL.Image" for base in type(entry).__mro__
    )


def _checked_array(position: int, entry: Any) -> Any:
    import numpy as np

    array = np.asarray(entry)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise InputError(
            f"images[{position}] must be an array (H, W, 3) of uint8 RGB, "
            f"got {array.dtype} of shape {array.shape}"
        )
    return array


def _list_one(
    source: str | Path, out: str | Path | None, options: SourceOptions
) -> Iterator[Photo]:
    scheme = "" if isinstance(source, Path) else scheme_of(source)
    if scheme not in ("", "file"):
        yield photo_at(str(source), shown_url(str(source)), options)
        return
    path = source if isinstance(source, Path) else _local_path(source)
    if path.is_dir():
        for file in photos_in_folder(path, skip=None if out is None else Path(out)):
            yield LocalPhoto.at(file, max_bytes=options.max_bytes)
    elif path.exists():
        yield LocalPhoto.at(path, max_bytes=options.max_bytes)
    else:
        raise SourceError(f"{printable(path)} does not exist; name a folder or a photo")


def _started(photos: Iterator[Photo], source: str | Path) -> Iterator[Photo]:
    """The same iterator, known to hold a photo."""
    first = next(photos, None)
    if first is None:
        raise SourceError(
            f"{printable(source)} holds no photos; name a folder with JPEG, PNG or HEIC files"
        )
    return chain([first], photos)


def _local_path(url: str) -> Path:
    if scheme_of(url) != "file":
        return Path(url)
    return Path(os.fsdecode(unquote(urlsplit(url).path, errors="surrogateescape")))
