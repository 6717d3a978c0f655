"""Which faces must, and which must not, be in one group.

Two faces of one photo are two people, except where they are one face seen twice: detected
twice, in a mirror, in a print on the wall, in a collage or a composite of a burst. Those are
told by boxes that cover each other or by embeddings that are nearly the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from grouping.boxes import SAME_FACE_COVER, paired_overlap
from grouping.errors import InputError
from grouping.records import FaceSet, Float32, Int32, Int64
from grouping.similarity.cosine_graph import pair_similarity

# Two faces of one photo this similar are one face seen twice. Twins side by side reach 0.8; a
# mirror image or another frame of a burst is above 0.9.
SAME_FACE_SIMILARITY = 0.9


def _no_pairs() -> Int64:
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True, eq=False)
class Constraints:
    """What is known about faces before they are compared; indices of faces.

    Attributes:
        must_link: (m, 2) int64, pairs of faces of one person.
        cannot_link: (c, 2) int64, pairs of faces of different people.
        ignore: (k,) int64, faces that belong to no group.

    Raises:
        InputError: an array of another shape.
    """

    must_link: Int64 = field(default_factory=_no_pairs)
    cannot_link: Int64 = field(default_factory=_no_pairs)
    ignore: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        for name in ("must_link", "cannot_link"):
            pairs = getattr(self, name)
            if pairs.ndim != 2 or pairs.shape[1] != 2:
                raise InputError(f"{name} must be of shape (n, 2), got {pairs.shape}")
        if self.ignore.ndim != 1:
            raise InputError(f"ignore must be of shape (n,), got {self.ignore.shape}")

    def among(self, faces: Int64, n: int) -> Constraints:
        """The links between these faces only, in their numbering; nothing to ignore."""
        place = np.full(n, -1)
        place[faces] = np.arange(len(faces))
        must, cannot = place[self.must_link], place[self.cannot_link]
        return Constraints(must[(must >= 0).all(1)], cannot[(cannot >= 0).all(1)])


def same_photo_pairs(faces: FaceSet, *, allow_same_face: bool = True) -> Int64:
    """Pairs of faces that cannot be one person because they are in one photo.

    Args:
        faces: all faces.
        allow_same_face: leave out pairs that are one face seen twice.

    Returns:
        (c, 2) int64. Photos that hold the same embeddings as another photo (imported twice)
        are listed once; what holds for identical faces holds for their copies.
    """
    rank = content_rank(faces.embeddings)
    photos = _photos_by_size(faces.photo_index, rank)
    pairs = np.concatenate([_no_pairs(), *(_pairs_of_rows(rows) for rows in photos)])
    if not allow_same_face:
        return pairs
    return pairs[~_is_same_face(faces, pairs)]


def _photos_by_size(photo_index: Int32, rank: Int64) -> list[Int64]:
    """For each number s of faces above 1: (p, s) int64, the faces of the photos that hold s."""
    order = np.lexsort((rank, photo_index))
    starts = np.flatnonzero(np.diff(photo_index[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    return [
        _distinct(order[starts[sizes == s][:, None] + np.arange(s)], rank)
        for s in np.unique(sizes)
        if s > 1
    ]


def _distinct(photos: Int64, rank: Int64) -> Int64:
    """One row for each different set of embeddings; rows are sorted by content already."""
    _, first = np.unique(rank[photos], axis=0, return_index=True)
    return photos[np.sort(first)]


def _pairs_of_rows(rows: Int64) -> Int64:
    i, j = np.triu_indices(rows.shape[1], k=1)
    return np.stack([rows[:, i].ravel(), rows[:, j].ravel()], axis=1)


def _is_same_face(faces: FaceSet, pairs: Int64) -> npt.NDArray[np.bool_]:
    i, j = pairs.T
    alike = pair_similarity(faces.embeddings, i, j) >= SAME_FACE_SIMILARITY
    cover = paired_overlap(faces.boxes[i], faces.boxes[j], of_smaller=True)
    return alike | (cover >= SAME_FACE_COVER)


def content_rank(vectors: Float32) -> Int64:
    """(n,) int64, the place of each row among the different rows in the order of their bytes.

    Equal rows have equal ranks. The order means nothing; it only does not depend on the order
    of the input, so ties are broken by it.
    """
    if not vectors.size:
        return np.zeros(len(vectors), np.int64)
    rows = np.ascontiguousarray(vectors).view(np.uint8)
    # The first bytes nearly always differ, so that few rows have to be compared in full.
    head = np.zeros((len(rows), 8), np.uint8)
    head[:, : min(8, rows.shape[1])] = rows[:, :8]
    start = head.view(">u8").ravel().astype(np.uint64)
    order = np.argsort(start, kind="stable")
    alike = start[order[1:]] == start[order[:-1]]
    tied = np.flatnonzero(np.append(alike, False) | np.append(False, alike))
    keys = rows[order[tied]].view(f"V{rows.shape[1]}").ravel()
    order[tied] = order[tied][np.argsort(keys, kind="stable")]
    pairs = np.flatnonzero(alike)
    alike[pairs] = (rows[order[pairs]] == rows[order[pairs + 1]]).all(1)
    rank = np.empty(len(rows), np.int64)
    rank[order] = np.cumsum(np.append(False, ~alike))
    return rank
