"""A document as reports and exports read it: faces by number, people by name."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

from grouping.errors import FetchError
from grouping.results.schema import NO_GROUP, Document, FaceEntry, ImageEntry
from grouping.storage.locations import local_path, path_of, scheme_of

OpenPhoto = Callable[[int], bytes]  # the bytes of ``document["images"][i]``; raises FetchError


@dataclass(frozen=True)
class Face:
    """One face of a document.

    Attributes:
        idx: its number, unique in the document.
        photo: index into ``images``.
        box: xyxy in pixels of the upright, full-size photo.
        landmarks: five (x, y) in the same frame.
        score: the detector's, in [0, 1].
        quality: in [0, 1].
        group: the person, -1 for none.
        similarity: cosine to the mean of its group, None for a face without a group.
        entry: all that the document says of it.
    """

    idx: int
    photo: int
    box: tuple[float, float, float, float]
    landmarks: list[list[float]]
    score: float
    quality: float
    group: int
    similarity: float | None
    entry: FaceEntry


class Album:
    """Read-only view of one document.

    Attributes:
        document: the dictionary itself.
        images, groups: its two lists.
        faces: every face by its number.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        self.images = document["images"]
        self.groups = document["groups"]
        self.faces = {face.idx: face for face in _faces(self.images)}
        self._originals = {
            str(image["id"]): photo
            for photo, image in reversed(list(enumerate(self.images)))
            if "copy_of" not in image
        }

    def faces_of(self, group_idx: int) -> list[Face]:
        """A person's faces, the most typical first."""
        faces = [self.faces[idx] for idx in self.groups[group_idx]["face2_idx_list"]]
        return sorted(faces, key=lambda face: (-(face.similarity or 0.0), face.idx))

    def faces_in(self, photo: int) -> list[Face]:
        """The faces of one photo, in the order of the document."""
        return [self.faces[face["face_idx"]] for face in self.images[photo].get("faces", [])]

    def original(self, photo: int) -> int | None:
        """The photo that this one is a copy of; None for one that is no copy."""
        copy_of = self.images[photo].get("copy_of")
        return None if copy_of is None else self._originals.get(str(copy_of))

    def shown_for(self, photos: Iterable[int]) -> dict[int, int]:
        """For each photo the one of the same picture that is shown: the original, if it is there.

        Args:
            photos: those that are to be shown, each picture once.
        """
        copies: dict[int, list[int]] = {}
        for photo in photos:
            original = self.original(photo)
            copies.setdefault(photo if original is None else original, []).append(photo)
        return {
            photo: original if original in same else same[0]
            for original, same in copies.items()
            for photo in same
        }

    def strangers(self) -> list[Face]:
        """Faces that belong to no group."""
        return [face for face in self.faces.values() if face.group == NO_GROUP]

    def person(self, group_idx: int) -> str:
        """What to call a person: the given name, else the number."""
        name = one_line(self.groups[group_idx].get("name") or "")
        return name or f"Person {person_number(group_idx)}"

    def photo_name(self, photo: int) -> str:
        """The file name of a photo where it has one, else its id."""
        image = self.images[photo]
        url = str(image.get("url") or "")
        path = unquote(path_of(url)) if "://" in url else url
        return one_line(path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or str(image["id"]))

    def local_path(self, photo: int) -> Path | None:
        """The absolute path of a photo on this machine; None for a photo from elsewhere."""
        url = str(self.images[photo].get("url") or "")
        if not url or scheme_of(url) not in ("", "file"):
            return None
        try:
            return Path(os.path.abspath(local_path(url)))
        except FetchError:
            return None

    def read_unchanged(self, photo: int, open_photo: OpenPhoto) -> bytes:
        """The bytes of a photo that is still what it was when it was grouped.

        Raises:
            FetchError: it cannot be had, or has changed.
        """
        known = self.images[photo].get("sha256")
        if known is None:
            raise FetchError("the photo was not read when the album was grouped")
        data = open_photo(photo)
        if sha256(data).hexdigest() != known:
            raise FetchError("the photo has changed since it was grouped")
        return data


def person_number(group_idx: int) -> str:
    """The number of a person, as all files, folders, pages and lines write it: ``003``."""
    return f"{group_idx:03d}"


def one_line(text: str) -> str:
    """``text`` without line breaks, control characters and marks that reorder what follows.

    Halves of a pair of UTF-16, which no file or font can hold, become the sign for that.
    """
    kept = (_SHOWN.get(unicodedata.category(c), c) for c in text)
    return " ".join("".join(c for c in kept if c not in _REORDERING).split())


_SHOWN = {"Cc": " ", "Zl": " ", "Zp": " ", "Cs": "\ufffd"}
_REORDERING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _faces(images: list[ImageEntry]) -> Iterator[Face]:
    for photo, image in enumerate(images):
        for face in image.get("faces", []):
            x1, y1, x2, y2 = face["box"]
            yield Face(
                idx=face["face_idx"],
                photo=photo,
                box=(x1, y1, x2, y2),
                landmarks=face["landmarks"],
                score=face["score"],
                quality=face.get("quality", 0.0),
                group=face["group_idx"],
                similarity=face["similarity"],
                entry=face,
            )
