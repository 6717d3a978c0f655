"""Albums that are asked often, kept open: :func:`opened_albums`."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from grouping.api.albums.kept_albums import KeptAlbums
from grouping.lookup.album_index import AlbumIndex
from grouping.people.identify.look_up import FALSE_MATCHES

MOST_ALBUMS = 16
MOST_FACES = 500_000  # of all albums together: 2 kB of vector and a few of words each

OpenedAlbums: TypeAlias = KeptAlbums[AlbumIndex]


def opened_albums(most: int = MOST_ALBUMS, most_faces: int = MOST_FACES) -> OpenedAlbums:
    """Return albums to be asked, opened as they are needed, as :meth:`AlbumIndex.open` does.

    The first answer of an album takes seconds where it has a hundred thousand faces; all that
    later ones share is computed then.

    Args:
        most: albums that are kept.
        most_faces: of all that are kept together.
    """
    return KeptAlbums(_opened, len, most, most_faces)


def _opened(folder: Path) -> AlbumIndex:
    """An album with what every answer needs, so that the first ones do not compute it at once."""
    index = AlbumIndex.open(folder)
    if len(index):
        _ = index.people, index.strangers, index.look_ups_of_strangers(FALSE_MATCHES)
    return index
