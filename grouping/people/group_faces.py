"""Faces to people.

:func:`group_faces` is the one entry: faces in, :class:`Grouping` out. No I/O, and torch only for
more vectors than an album has (see :mod:`grouping.similarity.inner_products`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grouping.clustering.clusterers import CLUSTERERS, by_size
from grouping.clustering.constraints import Constraints
from grouping.clustering.micro_clusters import MicroClusters, micro_clusters_of
from grouping.errors import InputError
from grouping.people.review import MergeSuggestion, evidence, expected_purity, merge_suggestions
from grouping.people.same_photo import same_photo_pairs
from grouping.people.unclear_pairs import dissolve_unclear_pairs
from grouping.people.weak_faces import attach
from grouping.records import FaceSet, Float32, Int64
from grouping.similarity.content_rank import content_rank
from grouping.similarity.group_sums import group_sums, products_with_own_group

# Faces of lower quality make no groups and are only attached to them: they are blurred, tiny
# or seen from behind, and resemble each other more than the people they belong to.
CORE_QUALITY = 0.5
# Faces of lower quality still are not attached to a single face: the two would be a person whom
# nobody can recognise.
PAIR_QUALITY = 0.2
# Similarities of one block within a group: bounds memory for groups of any size.
BLOCK = 4_000_000


@dataclass(frozen=True, eq=False)
class Grouping:
    """Who is who.

    Attributes:
        labels: (n,) int64, 0..K-1, or -1 for a face without a group. Group 0 is in the most
            photos; among equals the one of more faces comes first.
        similarity: (n,) float32, cosine similarity to the mean of its group, NaN for none.
        cohesion: (K,) float32, mean of ``similarity`` over each group.
        purity: (K,) float32, expected share of the faces that are the right person.
        representative: (K,) int64, the face that shows each group best.
        evidence: (n, 3) int64, the faces of its group that a face resembles most, -1 for none.
        evidence_similarity: (n, 3) float32, how much, NaN for none.
        merge_suggestions: groups that may be one person, the likeliest first.
    """

    labels: Int64
    similarity: Float32
    cohesion: Float32
    purity: Float32
    representative: Int64
    evidence: Int64
    evidence_similarity: Float32
    merge_suggestions: tuple[MergeSuggestion, ...]

    def __len__(self) -> int:
        return len(self.cohesion)


def group_faces(
    faces: FaceSet,
    *,
    method: str = "agglomerative",
    threshold: float,
    min_photos: int = 2,
    one_face_per_photo: bool = True,
    allow_same_face: bool = True,
    core_quality: float = CORE_QUALITY,
    constraints: Constraints | None = None,
) -> Grouping:
    """Group faces by person.

    The result does not depend on the order of the faces, exact ties included.

    Args:
        faces: the faces of all photos.
        method: ``"agglomerative"`` (average linkage) or ``"hdbscan"``.
        threshold: smallest average cosine similarity of two clusters that are merged.
        min_photos: a group needs faces in this many different photos.
        one_face_per_photo: two faces of one photo never share a group.
        allow_same_face: unless they are one face seen twice.
        core_quality: faces of lower quality make no groups and are only attached to them.
        constraints: what is known beforehand.

    Raises:
        InputError: an unknown method, or embeddings that are zero or not finite.
    """
    if method not in CLUSTERERS:
        raise InputError(f"method must be one of {', '.join(CLUSTERERS)}, got {method!r}")
    known = constraints or Constraints()
    used = np.setdiff1d(np.arange(len(faces)), known.ignore)
    chosen = faces[used] if len(used) < len(faces) else faces  # a copy of a million is large
    links = known.among(used, len(faces))
    if one_face_per_photo:
        apart = same_photo_pairs(chosen, allow_same_face=allow_same_face)
        links = Constraints(links.must_link, np.concatenate([links.cannot_link, apart]))
    vertices, member = micro_clusters_of(chosen.embeddings, links)
    quality = np.zeros(len(vertices), np.float32)
    np.maximum.at(quality, member, chosen.quality)
    quality[vertices.must_link] = 1  # a person vouches for these faces
    labels = np.full(len(faces), -1, np.int64)
    labels[used] = _cluster(vertices, quality, core_quality, method, threshold)[member]
    rank = content_rank(faces.embeddings)
    numbered = _numbered(faces, labels, rank, min_photos)
    return _described(faces, numbered, rank, threshold, known.cannot_link)


def _cluster(
    vertices: MicroClusters, quality: Float32, core_quality: float, method: str, threshold: float
) -> Int64:
    """Labels of vertices: clusters of the core, the rest attached to them; -1 for none."""
    core = quality >= core_quality
    clusterer = CLUSTERERS[method](threshold)
    cores = np.flatnonzero(core)
    labels = np.full(len(vertices), -1, np.int64)
    labels[cores] = clusterer.label(vertices.take(cores))
    weak = np.arange(len(vertices)) if clusterer.leaves_noise else np.flatnonzero(~core)
    attached = attach(vertices, labels, weak, threshold, quality < PAIR_QUALITY)
    return dissolve_unclear_pairs(vertices, attached, threshold)


def _numbered(faces: FaceSet, labels: Int64, rank: Int64, min_photos: int) -> Int64:
    """Groups of too few photos dissolved, the others numbered from the largest."""
    count = int(labels.max(initial=-1)) + 1
    inside = np.flatnonzero(labels >= 0)
    seen = np.unique(np.stack([labels[inside], faces.photo_index[inside]]), axis=1)
    photos = np.bincount(seen[0], minlength=count)
    kept = np.append(photos >= min_photos, False)[labels]
    return by_size(np.where(kept, labels, -1), rank, photos, smallest=1)


def _described(
    faces: FaceSet, labels: Int64, rank: Int64, threshold: float, cannot_link: Int64
) -> Grouping:
    count = int(labels.max(initial=-1)) + 1
    sums = group_sums(faces.embeddings, labels, count)
    centres = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    similarity = products_with_own_group(faces.embeddings, centres, labels)
    inside = np.flatnonzero(labels >= 0)
    size = np.bincount(labels[inside], minlength=count)
    cohesion = np.bincount(labels[inside], similarity[inside], minlength=count) / size
    near, near_similarity = evidence(faces.embeddings, labels)
    return Grouping(
        labels=labels,
        similarity=similarity,
        cohesion=cohesion.astype(np.float32),
        purity=expected_purity(faces.embeddings, labels, threshold),
        representative=_representatives(faces, labels, rank, similarity),
        evidence=near,
        evidence_similarity=near_similarity,
        merge_suggestions=merge_suggestions(faces, labels, threshold, cannot_link),
    )


def _representatives(faces: FaceSet, labels: Int64, rank: Int64, similarity: Float32) -> Int64:
    """The face of each group that is both typical of it and of good quality."""
    inside = np.flatnonzero(labels >= 0)
    shows = similarity[inside] * faces.quality[inside]
    order = inside[np.lexsort((rank[inside], -shows, labels[inside]))]
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
    rows_at_once = max(1, BLOCK // max(1, len(members)))
    for start in range(0, len(members), rows_at_once):
        stop = min(start + rows_at_once, len(members))
        block = vectors[start:stop] @ vectors[:stop].T
        earlier = np.arange(stop)[None, :] < np.arange(start, stop)[:, None]
        block[~earlier] = -np.inf
        best = block.argmax(1)
        rows = np.arange(start == 0, stop - start)
        nearest[start + rows] = members[best[rows]]
        similarity[start + rows] = block[rows, best[rows]]
    return nearest, similarity
