"""A document that was read from a file, with all that look-ups rely on checked."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from grouping.results.album import Album, Face
from grouping.results.schema import NO_GROUP, Document

DIGEST = re.compile("[0-9a-f]{64}")
LARGEST = 2**53  # JSON numbers beyond are not exact


def checked_album(document: Document) -> Album:
    """Return the album of a document that may be damaged.

    Raises:
        ValueError, KeyError, TypeError, IndexError, AttributeError: it is.
    """
    album = Album(document)
    faces = [face for photo in range(len(album.images)) for face in album.faces_in(photo)]
    numbers = {face.idx for face in faces}
    _hold(len(numbers) == len(faces) and all(_is_number(idx, 0) for idx in numbers))
    _hold(all(_is_number(face.group, NO_GROUP) for face in faces))
    boxes = np.array([face.box for face in faces], np.float64).reshape(-1, 4)
    _hold(bool(np.isfinite(boxes).all()))
    for image in album.images:
        _hold(_is_text(image.get("url")) and _is_digest(image.get("sha256")) and "id" in image)
    _check_groups(album, faces)
    return album


def _check_groups(album: Album, faces: list[Face]) -> None:
    """Each group has its number and the faces that say so of themselves."""
    members: dict[int, set[int]] = {number: set() for number in range(len(album.groups))}
    for face in faces:
        if face.group != NO_GROUP:
            members[face.group].add(face.idx)
    for number, group in enumerate(album.groups):
        _hold(group["group_idx"] == number and _is_text(group.get("name")))
        _hold(isinstance(group["group_id"], str))
        _hold(set(group["face2_idx_list"]) == members[number])
        _hold(group["representative_face_idx"] in members[number])


def _is_number(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value < LARGEST


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_digest(value: Any) -> bool:
    return value is None or (isinstance(value, str) and bool(DIGEST.fullmatch(value)))


def _hold(holds: bool) -> None:
    if not holds:
        raise ValueError
