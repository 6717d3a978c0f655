"""In which photos of an album somebody is: :func:`find`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from grouping.config import GroupingConfig
from grouping.errors import InputError
from grouping.faces.time_limit import seconds_a_photo
from grouping.lookup.album_index import AlbumIndex
from grouping.lookup.answers import LookUp
from grouping.lookup.ask import ask, check_allowed
from grouping.lookup.selfies import selfies_of
from grouping.people.identify.look_up import FALSE_MATCHES
from grouping.sources.entries import SourceOptions, photos_from_entries
from grouping.sources.photo import Photo


def find(
    selfies: Any,
    album: AlbumIndex | Path | str,
    *,
    false_matches: float = FALSE_MATCHES,
    config: GroupingConfig | None = None,
    allow_local: bool = False,
    options: SourceOptions | None = None,
) -> LookUp:
    """Find the photos of an album that somebody is in.

    Neither the photos handed in nor what is computed of them is written anywhere.

    Args:
        selfies: one photo of the person, or a list of several: ``pathlib.Path``, bytes of an image
            file, a PIL image, an (H, W, 3) uint8 RGB array; an ``http(s)://`` or ``s3://`` address
            as a string or as the ``"url"`` of a dictionary.
        album: the folder of results of a run with a cache; or the same opened, to be asked often
            and by any thread.
        false_matches: the share of look-ups of people who are not in the album that may name
            somebody, from 1e-9 to 0.5.
        config: names the weight file where it lies elsewhere than in the run, and the device.
        allow_local: let strings name ``file://`` addresses and local paths.
        options: limits of the fetching.

    Raises:
        InputError: ``selfies`` is something else; there is no such album, it has no vectors or they
            are of another network.
        ConfigError: ``false_matches`` is out of its range.
        ModelError: a checkpoint or device cannot be used.

    Example:
        >>> answer = find(Path("me.jpg"), "result")  # doctest: +SKIP
        >>> [photo.url for photo in answer.photos]  # doctest: +SKIP
    """
    check_allowed(false_matches)
    photos = _photos(selfies, allow_local, options)
    index = album if isinstance(album, AlbumIndex) else AlbumIndex.open(album)
    with seconds_a_photo((config or GroupingConfig()).photo_seconds):
        return ask(index, selfies_of(photos, index.models(config)), false_matches)


def _photos(selfies: Any, allow_local: bool, options: SourceOptions | None) -> list[Photo]:
    """One photo for each selfie.

    Raises:
        InputError: there is none, or one is no photo.
    """
    alone = isinstance(selfies, str | bytes | bytearray | Path | Mapping | Photo)
    several = isinstance(selfies, Iterable) and not hasattr(selfies, "__array_interface__")
    listed = list(selfies) if several and not alone else [selfies]
    if not listed:
        raise InputError("find needs at least one photo of the person")
    return [_photo(selfie, allow_local, options) for selfie in listed]


def _photo(selfie: Any, allow_local: bool, options: SourceOptions | None) -> Photo:
    if isinstance(selfie, Photo):
        return selfie
    entry = {"id": selfie, "url": selfie} if isinstance(selfie, str) else selfie
    (photo,) = photos_from_entries([entry], allow_local=allow_local, options=options)
    return photo
