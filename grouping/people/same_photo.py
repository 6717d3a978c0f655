"""Pairs of faces that cannot be one person because they are in one photo.

Two faces of one photo are two people, except where they are one face seen twice: detected
twice, in a mirror, in a print on the wall, in a collage or a composite of a burst. Those are
told by boxes that cover each other or by embeddings that are nearly the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grouping.boxes import SAME_FACE_COVER, paired_overlap
from grouping.records import FaceSet, Int32, Int64
from grouping.similarity.content_rank import content_rank
from grouping.similarity.inner_products import pair_products

# Two faces of one photo this similar are one face seen twice. Twins side by side reach 0.8; a
# mirror image or another frame of a burst is above 0.9.
SAME_FACE_SIMILARITY = 0.9


def same_photo_pairs(faces: FaceSet, *, allow_same_face: bool = True) -> Int64:
    """Return the pairs of faces that share a photo and are two people.

    Args:
        faces: all faces.
        allow_same_face: leave out pairs that are one face seen twice.

    Returns:
        (c, 2) int64. Photos that hold the same embeddings as another photo (imported twice)
        are listed once; what holds for identical faces holds for their copies.
    """
    rank = content_rank(faces.embeddings)
    photos = _photos_by_size(faces.photo_index, rank)
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *(_pairs_of_rows(rows) for rows in photos)])
    if not allow_same_face:
        return pairs
    return pairs[~_is_same_face(faces, pairs)]


def _photos_by_size(photo_index: Int32, rank: Int64) -> list[Int64]:
    """Return the faces of photos, photos of equally many faces together, those of one left out.

    Args:
        photo_index: (n,) int32, the photo of each face.
        rank: (n,) int64, see :func:`content_rank`.

    Returns:
        For each number s of faces above 1 that photos hold: (p, s) int64, a row a photo, its
        faces in the order of their rank.
    """
    order = np.lexsort((rank, photo_index))
    starts = np.flatnonzero(np.diff(photo_index[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    return [
        _distinct(order[starts[sizes == s][:, None] + np.arange(s)], rank)
        for s in np.unique(sizes)
        if s > 1
    ]


def _distinct(photos: Int64, rank: Int64) -> Int64:
    """Return one photo for each different set of embeddings.

    Args:
        photos: (p, s) int64, faces, each row sorted by rank.
        rank: (n,) int64 of all faces.

    Returns:
        (q, s) int64, the first photo of each set, in their order.
    """
    _, first = np.unique(rank[photos], axis=0, return_index=True)
    return photos[np.sort(first)]


def _pairs_of_rows(rows: Int64) -> Int64:
    """Return (p * s * (s - 1) / 2, 2) int64, all pairs within each row of (p, s) int64."""
    i, j = np.triu_indices(rows.shape[1], k=1)
    return np.stack([rows[:, i].ravel(), rows[:, j].ravel()], axis=1)


def _is_same_face(faces: FaceSet, pairs: Int64) -> npt.NDArray[np.bool_]:
    """Return (c,) bool, which of (c, 2) int64 pairs of faces are one face seen twice."""
    i, j = pairs.T
    alike = pair_products(faces.embeddings, faces.embeddings, i, j) >= SAME_FACE_SIMILARITY
    cover = paired_overlap(faces.boxes[i], faces.boxes[j], of_smaller=True)
    return alike | (cover >= SAME_FACE_COVER)
