"""What of a grouped album is handed on by a service: its document, and portraits of its people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from grouping.api.albums.kept_albums import KeptAlbums
from grouping.errors import InputError
from grouping.results.album import Album
from grouping.results.document import read_document
from grouping.storage.regular_files import read_regular_file
from grouping.storage.result_folder import GROUPS_FILE, THUMBNAILS_FOLDER

if TYPE_CHECKING:
    from grouping.results.schema import Document

MOST_KEPT = 8
MOST_IMAGES = 200_000  # of all that are kept together; about 5 kB each
MOST_PORTRAIT_BYTES = 4 * 2**20

AlbumDocuments: TypeAlias = "KeptAlbums[Document]"


def album_documents(most: int = MOST_KEPT, most_images: int = MOST_IMAGES) -> AlbumDocuments:
    """Return documents of albums, read as they are needed, as ``read_document`` does.

    Args:
        most: that are kept.
        most_images: of all that are kept together.
    """
    return KeptAlbums(_read, lambda document: len(document["images"]), most, most_images)


def _read(folder: Path) -> Document:
    return read_document(folder / GROUPS_FILE)


def portrait_of(folder: Path, document: Document, group_idx: int) -> bytes:
    """Return the portrait of a person, a JPEG.

    Args:
        folder: of the results.
        document: theirs.
        group_idx: of the person.

    Raises:
        InputError: there is no such picture.
    """
    from grouping.report.thumbnails import crop_file

    album = Album(document)
    face = album.faces[document["groups"][group_idx]["representative_face_idx"]]
    digest = document["images"][face.photo].get("sha256")
    path = folder / THUMBNAILS_FOLDER / crop_file(digest or "", face.box, "-portrait")
    try:
        return read_regular_file(path, MOST_PORTRAIT_BYTES)
    except OSError:
        raise InputError("there is no picture of this person") from None
