"""XMP sidecars: files of metadata that lie beside a photo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from grouping.sources.photo import LocalPhoto, Photo
from grouping.storage.locations import printable

SUFFIXES = (".xmp", ".XMP")


def sidecars_of(photo: Photo) -> Iterator[Path]:
    """Yield the sidecars there are of a photo on this machine, of others none.

    ``photo.jpg.xmp`` is written by digiKam, darktable, Immich and this program, ``photo.xmp`` by
    Lightroom and others.
    """
    if not isinstance(photo, LocalPhoto):
        return
    seen: list[Path] = []
    for suffix in SUFFIXES:
        for path in (
            photo.path.with_name(photo.path.name + suffix),
            photo.path.with_suffix(suffix),
        ):
            # Where capitals do not count, one file has two of these names.
            if path.is_file() and not any(path.samefile(other) for other in seen):
                seen.append(path)
                yield path


def places_of_sidecars(photos: Iterable[Photo]) -> frozenset[str]:
    """Return the sidecars of all of these photos, as people see where they are."""
    return frozenset(printable(path) for photo in photos for path in sidecars_of(photo))
