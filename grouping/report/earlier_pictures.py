"""Pictures of earlier runs, taken away: they may show who has opted out since."""

from __future__ import annotations

import re
from pathlib import Path

from grouping.errors import FetchError
from grouping.report.thumbnails import Thumbnails
from grouping.results.album import Album
from grouping.results.schema import Document
from grouping.storage.atomic_files import write_error
from grouping.storage.result_folder import (
    FACES_PICTURE,
    PAGE_FILE,
    SHEETS_FOLDER,
    SIMILARITY_PICTURE,
    THUMBNAILS_FOLDER,
    TSNE_PICTURE,
)

_SHEET = "person_[0-9]*.jpg"
_THUMBNAIL = re.compile(r"(?:[0-9a-f]{20}|photo-\d{6,})(?:-\d+-\d+-\d+-\d+(?:-portrait)?)?\.jpg")


def remove_pictures(document: Document, folder: Path) -> None:
    """Remove plots, page, contact sheets and all small pictures that may show who opted out.

    Small pictures of the document's photos in which nobody opted out stay: they need not be made
    again.

    Args:
        document: of this run.
        folder: of the results.

    Raises:
        OutputError: something cannot be removed.
    """
    try:
        for name in (TSNE_PICTURE, SIMILARITY_PICTURE, FACES_PICTURE, PAGE_FILE):
            (folder / name).unlink(missing_ok=True)
        for path in (folder / SHEETS_FOLDER).glob(_SHEET):
            path.unlink()
        if (folder / THUMBNAILS_FOLDER).is_dir():
            _remove_thumbnails(document, folder / THUMBNAILS_FOLDER)
    except OSError as error:
        raise write_error(folder, error) from error


def _remove_thumbnails(document: Document, folder: Path) -> None:
    album = Album(document)
    thumbnails = Thumbnails(album, _never, folder)
    harmless = {
        name
        for photo, image in enumerate(album.images)
        if image.get("sha256") and not image.get("opted_out")  # without, a name says nothing
        for name in thumbnails.names(photo)
    }
    for path in folder.iterdir():
        if _THUMBNAIL.fullmatch(path.name) and path.name not in harmless:
            path.unlink()


def _never(photo: int) -> bytes:
    raise FetchError(f"photo {photo} is not looked at")
