"""A ``groups.json`` as reports and exports read it: faces by number, people by name.

The counterpart of :mod:`grouping.results.response`, which writes those keys.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

NO_FACE = [-2]
UNREADABLE = [-3]
STRANGER = -1


@dataclass(frozen=True)
class Face:
    """One face of a result.

    Attributes:
        idx: its number, unique in the result.
        photo: index into ``images``.
        box: xyxy in pixels of the upright, full-size photo.
        landmarks: five (x, y) in the same frame.
        score: the detector's, in [0, 1].
        quality: in [0, 1].
        group: the person, -1 for none.
        similarity: cosine to the mean of its group, None for a face without a group.
    """

    idx: int
    photo: int
    box: tuple[float, float, float, float]
    landmarks: list[list[float]]
    score: float
    quality: float
    group: int
    similarity: float | None


class Album:
    """Read-only view of one parsed ``groups.json``.

    Attributes:
        result: the dictionary itself.
        images, groups: its two lists.
        faces: every face by its number.
    """

    def __init__(self, result: dict[str, Any]) -> None:
        self.result = result
        self.images: list[dict[str, Any]] = result["images"]
        self.groups: list[dict[str, Any]] = result["groups"]
        self.faces = {face.idx: face for face in _faces(self.images)}

    def faces_of(self, group_idx: int) -> list[Face]:
        """A person's faces, the most typical first."""
        faces = [self.faces[idx] for idx in self.groups[group_idx]["face2_idx_list"]]
        return sorted(faces, key=lambda face: (-(face.similarity or 0.0), face.idx))

    def faces_in(self, photo: int) -> list[Face]:
        """The faces of one photo, in the order of the result."""
        return [self.faces[face["face_idx"]] for face in self.images[photo].get("faces", [])]

    def strangers(self) -> list[Face]:
        """Faces that belong to no group."""
        return [face for face in self.faces.values() if face.group == STRANGER]

    def person(self, group_idx: int) -> str:
        """What to call a person: the given name, else the number."""
        name = one_line(self.groups[group_idx].get("name") or "")
        return name or f"Person {group_idx}"

    def photo_name(self, photo: int) -> str:
        """The file name of a photo where it has one, else its id."""
        image = self.images[photo]
        url = str(image.get("url") or "")
        path = unquote(urlsplit(url).path) if "://" in url else url
        return one_line(path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or str(image["id"]))

    def photos_where(self, group_idx: list[int]) -> list[int]:
        """Photos whose ``group_idx`` is exactly this, e.g. ``NO_FACE`` or ``UNREADABLE``."""
        return [i for i, image in enumerate(self.images) if image["group_idx"] == group_idx]


def one_line(text: str) -> str:
    """``text`` without line breaks, control characters and marks that reorder what follows."""
    kept = (" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text)
    return " ".join("".join(c for c in kept if c not in _REORDERING).split())


_REORDERING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _faces(images: list[dict[str, Any]]) -> Iterator[Face]:
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
            )
