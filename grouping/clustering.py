"""Faces to people.

:func:`group_faces` is the one entry: faces in, :class:`Grouping` out. No torch, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from grouping.constraints import Constraints, content_rank, same_photo_pairs
from grouping.density import hdbscan_labels
from grouping.errors import InputError
from grouping.records import FaceSet, Float32, Int64
from grouping.vertices import group_sums, link, vertices_of

# Columns of a block of similarities within a group: bounds memory for groups of any size.
BLOCK = 2048


@dataclass(frozen=True, eq=False)
class Grouping:
    """Who is who.

    Attributes:
        labels: (n,) int64, 0..K-1, or -1 for a face without a group. Group 0 is in the most
            photos; among equals the one of more faces comes first.
        similarity: (n,) float32, cosine similarity to the mean of its group, NaN for none.
        cohesion: (K,) float32, mean of ``similarity`` over each group.
        representative: (K,) int64, the face that shows each group best.
    """

    labels: Int64
    similarity: Float32
    cohesion: Float32
    representative: Int64

    def __len__(self) -> int:
        return len(self.cohesion)


def group_faces(
    faces: FaceSet,
    *,
    method: str = "agglomerative",
    threshold: float,
    min_photos: int = 2,
    one_face_per_photo: bool = True,
    constraints: Constraints | None = None,
) -> Grouping:
    """Group faces by person.

    The result does not depend on the order of the faces, exact ties included.

    Args:
        faces: the faces of all photos.
        method: ``"agglomerative"`` (average linkage) or ``"hdbscan"``.
        threshold: smallest average cosine similarity of two clusters that are merged.
        min_photos: a group needs faces in this many different photos.
        one_face_per_photo: two faces of one photo never share a group, unless they are one
            face seen twice (see :mod:`grouping.constraints`).
        constraints: what is known beforehand.

    Raises:
        InputError: an unknown method.
    """
    if method not in CLUSTERERS:
        raise InputError(f"method must be one of {', '.join(CLUSTERERS)}, got {method!r}")
    known = constraints or Constraints()
    used = np.setdiff1d(np.arange(len(faces)), known.ignore)
    chosen = faces[used]
    among = known.among(used, len(faces))
    if one_face_per_photo:
        apart = np.concatenate([among.cannot_link, same_photo_pairs(chosen)])
        among = Constraints(among.must_link, apart)
    labels = np.full(len(faces), -1, np.int64)
    labels[used] = CLUSTERERS[method](chosen.embeddings, among, threshold)
    return _described(faces, _numbered(faces, labels, min_photos))


def _agglomerative(vectors: Float32, constraints: Constraints, threshold: float) -> Int64:
    vertices, member = vertices_of(vectors, constraints)
    return link(vertices, threshold)[member]


def _hdbscan(vectors: Float32, constraints: Constraints, threshold: float) -> Int64:
    vertices, member = vertices_of(vectors, constraints)
    return hdbscan_labels(vertices, threshold)[member]


CLUSTERERS: dict[str, Callable[[Float32, Constraints, float], Int64]] = {
    "agglomerative": _agglomerative,
    "hdbscan": _hdbscan,
}


def _numbered(faces: FaceSet, labels: Int64, min_photos: int) -> Int64:
    """Groups of too few photos dissolved, the others numbered from the largest."""
    count = int(labels.max(initial=-1)) + 1
    inside = np.flatnonzero(labels >= 0)
    seen = np.unique(np.stack([labels[inside], faces.photo_index[inside]]), axis=1)
    photos = np.bincount(seen[0], minlength=count)
    size = np.bincount(labels[inside], minlength=count)
    content = np.full(count, len(faces))
    np.minimum.at(content, labels[inside], content_rank(faces.embeddings)[inside])
    order = np.lexsort((content, -size, -photos))
    kept = order[photos[order] >= min_photos]
    number = np.full(count + 1, -1)
    number[kept] = np.arange(len(kept))
    return number[labels]


def _described(faces: FaceSet, labels: Int64) -> Grouping:
    count = int(labels.max(initial=-1)) + 1
    sums = group_sums(faces.embeddings, labels, count)
    centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    inside = np.flatnonzero(labels >= 0)
    similarity = np.full(len(faces), np.nan, np.float32)
    for part in np.array_split(inside, len(inside) // BLOCK + 1):
        similarity[part] = np.einsum("ij,ij->i", faces.embeddings[part], centres[labels[part]])
    total = np.bincount(labels[inside], similarity[inside], minlength=count)
    cohesion = total / np.bincount(labels[inside], minlength=count)
    return Grouping(
        labels, similarity, cohesion.astype(np.float32), _representatives(faces, labels, similarity)
    )


def _representatives(faces: FaceSet, labels: Int64, similarity: Float32) -> Int64:
    """The face of each group that is both typical of it and of good quality."""
    inside = np.flatnonzero(labels >= 0)
    shows = similarity[inside] * faces.quality[inside]
    rank = content_rank(faces.embeddings)[inside]
    order = inside[np.lexsort((rank, -shows, labels[inside]))]
    return order[np.flatnonzero(np.diff(labels[order], prepend=-1))]


def previous_faces(embeddings: Float32, members: Int64) -> tuple[Int64, Float32]:
    """For each face of a group, the most similar face that came before it.

    Args:
        embeddings: (n, d) float32 of all faces, rows of unit length.
        members: (m,) int64, the faces of one group in the order wanted.

    Returns:
        (m,) int64, the earlier face (-1 for the first), and (m,) float32, their similarity
        (-1 for the first).
    """
    vectors = embeddings[members]
    nearest = np.full(len(members), -1, np.int64)
    similarity = np.full(len(members), -1, np.float32)
    for start in range(0, len(members), BLOCK):
        stop = min(start + BLOCK, len(members))
        block = vectors[start:stop] @ vectors[:stop].T
        earlier = np.arange(stop)[None, :] < np.arange(start, stop)[:, None]
        block[~earlier] = -np.inf
        best = block.argmax(1)
        rows = np.arange(start == 0, stop - start)
        nearest[start + rows] = members[best[rows]]
        similarity[start + rows] = block[rows, best[rows]]
    return nearest, similarity
