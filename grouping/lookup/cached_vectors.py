"""The faces of a document, found again in the cache of its run by photo and box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from grouping.execution.face_models import drawn_key_of
from grouping.records import FaceSet, Float32, Int64
from grouping.results.album import Album, Face
from grouping.storage.database.reader import read_faces

# A document has boxes to the hundredth of a pixel.
BOX_ROUNDING = 0.0051


def cached_faces(cache: Path, album: Album, detector: str, model: str) -> tuple[FaceSet, Int64]:
    """Return the faces of an album that a cache has the vectors of.

    Args:
        cache: the file.
        album: the album.
        detector, model: keys of the networks.

    Returns:
        n faces, ``photo_index`` the place among the images, and (n,) int64, the ``face_idx`` of
        each, in the order of the document.

    Raises:
        CacheError: the cache cannot be read.
    """
    seen = [p for p, image in enumerate(album.images) if image.get("sha256") and image.get("faces")]
    contents = [str(album.images[photo]["sha256"]) for photo in seen]
    known = read_faces(cache, contents, detector, model)
    listed = [album.faces_in(photo) for photo in seen]
    starts = np.concatenate([[0], np.cumsum(known.counts)])
    rows = [np.zeros(0, np.int64)]
    for entries, start, end in zip(listed, starts[:-1], starts[1:], strict=True):
        found = _rows_of(entries, known.faces.boxes[start:end])
        rows.append(np.where(found >= 0, start + found, -1))
    row = np.concatenate(rows)
    numbers = np.array([entry.idx for entries in listed for entry in entries], np.int64)
    chosen = row[row >= 0]
    every = np.array_equal(chosen, np.arange(len(known.faces)))
    faces = known.faces if every else known.faces[chosen]
    photo_index = np.array(seen, np.int32)[faces.photo_index]
    detected = replace(faces, photo_index=photo_index), numbers[row >= 0]
    return _with_drawn(detected, cache, album, model)


def _with_drawn(
    detected: tuple[FaceSet, Int64], cache: Path, album: Album, model: str
) -> tuple[FaceSet, Int64]:
    """Return the faces that a cache has, those drawn by hand among them, in their order.

    A face that was drawn has a row of its own, under a key that tells its box.
    """
    faces, number = [detected[0]], [detected[1]]
    for face in album.faces.values():
        content = album.images[face.photo].get("sha256")
        if not face.entry.get("drawn") or content is None:
            continue
        known = read_faces(cache, [content], drawn_key_of(face.box), model).faces
        if len(known) == 1:
            faces.append(replace(known, photo_index=np.array([face.photo], np.int32)))
            number.append(np.array([face.idx]))
    if len(faces) == 1:
        return detected
    every, numbers = FaceSet.concatenate(faces), np.concatenate(number)
    order = np.argsort(numbers, kind="stable")
    return every[order], numbers[order]


def _rows_of(entries: Sequence[Face], boxes: Float32) -> Int64:
    """Return (k,) int64, of each of k faces the row of its box in (m, 4) float32, -1 for none."""
    wanted = np.array([entry.box for entry in entries], np.float64).reshape(-1, 4)
    slack = BOX_ROUNDING + np.abs(wanted).max(initial=0) * np.finfo(np.float32).eps
    if len(wanted) == len(boxes) and (np.abs(wanted - boxes) <= slack).all():
        return np.arange(len(boxes))
    same = (np.abs(wanted[:, None] - boxes) <= slack).all(axis=2)
    none = np.full(len(wanted), -1)
    return np.where(same.any(axis=1), same.argmax(axis=1), none) if len(boxes) else none
