"""Pictures of earlier runs, taken away: they may show who has opted out since."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from grouping.errors import FetchError
from grouping.report.thumbnails import DIGEST_LETTERS, Thumbnails
from grouping.results.album import Album
from grouping.results.schema import Document
from grouping.storage.atomic_files import remove_files
from grouping.storage.result_folder import (
    FACES_PICTURE,
    PAGE_FILE,
    SHEET_NAME,
    SHEETS_FOLDER,
    SIMILARITY_PICTURE,
    THUMBNAILS_FOLDER,
    TSNE_PICTURE,
)

_THUMBNAIL = re.compile(r"(?:[0-9a-f]{20}|photo-\d{6,})(?:-\d+-\d+-\d+-\d+(?:-portrait)?)?\.jpg")


def remove_pictures(document: Document | None, folder: Path) -> None:
    """Remove plots, page, contact sheets and all small pictures that may show who opted out.

    Small pictures of the document's photos in which nobody opted out stay: they need not be made
    again.

    Args:
        document: of this run; None where it is not known who opted out, so that all go.
        folder: of the results.

    Raises:
        OutputError: something cannot be removed.
    """
    plots = [folder / n for n in (TSNE_PICTURE, SIMILARITY_PICTURE, FACES_PICTURE, PAGE_FILE)]
    harmless = _harmless(document, folder / THUMBNAILS_FOLDER) if document else set()
    small = _files(folder / THUMBNAILS_FOLDER, _THUMBNAIL)
    remove_files(
        [
            *plots,
            *_files(folder / SHEETS_FOLDER, SHEET_NAME),
            *(path for path in small if path.name not in harmless),
        ]
    )


def remove_small_pictures(folder: Path, contents: Iterable[str]) -> int:
    """Remove the small pictures of some photos; return how many there were.

    Args:
        folder: of results.
        contents: SHA-256 of the photos.

    Raises:
        OutputError: one cannot be removed.
    """
    keys = {content[:DIGEST_LETTERS] for content in contents}
    theirs = [
        path
        for path in _files(folder / THUMBNAILS_FOLDER, _THUMBNAIL)
        if path.name[:DIGEST_LETTERS] in keys
    ]
    remove_files(theirs)
    return len(theirs)


def _files(folder: Path, names: re.Pattern[str]) -> list[Path]:
    """Return the files of a folder that are called as ours are; none where it is a link."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if names.fullmatch(path.name)]


def _harmless(document: Document, folder: Path) -> set[str]:
    """Return the names of the small pictures that cannot show who opted out."""
    if not folder.is_dir():
        return set()
    album = Album(document)
    thumbnails = Thumbnails(album, _never, folder)
    return {
        name
        for photo, image in enumerate(album.images)
        if image.get("sha256") and not image.get("opted_out")  # without, a name says nothing
        for name in thumbnails.names(photo)
    }


def _never(photo: int) -> bytes:
    raise FetchError(f"photo {photo} is not looked at")
