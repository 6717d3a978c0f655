"""XMP sidecars: files of metadata that lie beside a photo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grouping.sources.photo import LocalPhoto, Photo

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
