"""What of a grouped album is handed on by a service: its document, and portraits of its people."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

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

Stamp = tuple[int, int, int]


class AlbumDocuments:
    """Documents of albums, the last ones kept; any thread may ask.

    Args:
        most: that are kept.
        most_images: of all that are kept together; the last one asked is kept however large.
    """

    def __init__(self, most: int = MOST_KEPT, most_images: int = MOST_IMAGES) -> None:
        self._most, self._most_images = most, most_images
        self._kept: OrderedDict[Path, tuple[Stamp, Document]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, folder: Path) -> Document | None:
        """Return what the ``groups.json`` of a folder holds now; None where there is none.

        Raises:
            InputError: it is damaged.
        """
        path = folder / GROUPS_FILE
        try:
            status = os.stat(path)
        except FileNotFoundError:
            self.forget(folder)
            return None
        stamp = status.st_mtime_ns, status.st_size, status.st_ino
        with self._lock:
            known = self._kept.get(folder)
            if known is not None and known[0] == stamp:
                self._kept.move_to_end(folder)
                return known[1]
        document = read_document(path)
        with self._lock:
            self._kept[folder] = stamp, document
            self._kept.move_to_end(folder)
            self._make_room()
        return document

    def forget(self, folder: Path) -> None:
        """Let go of the document of an album."""
        with self._lock:
            self._kept.pop(folder, None)

    def _make_room(self) -> None:
        while len(self._kept) > 1 and (len(self._kept) > self._most or self._is_much()):
            self._kept.popitem(last=False)

    def _is_much(self) -> bool:
        return sum(len(doc["images"]) for _, doc in self._kept.values()) > self._most_images


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
