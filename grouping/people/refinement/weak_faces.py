"""Attaches weaker faces to the groups that better faces have made.

A face is attached where its average similarity to a group reaches the threshold and leads that
to the next group by a margin: a face that fits two groups equally stays out. A single good face
has to be met more closely, for nothing else speaks for the two, and not by a face that shows next
to nothing (:func:`doubtful_faces`). No face joins a group that it cannot be in, and of two faces
that cannot be together the more similar goes in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grouping.clustering.constraints import Constraints
from grouping.clustering.micro_clusters import MicroClusters
from grouping.people.rules import PAIR_QUALITY
from grouping.records import Float32, Int64
from grouping.similarity.nearest import nearest_rows

# How much more similar a face must be to its group than to the next one.
MARGIN = 0.05
# How much more than the threshold asks for a group of one face.
ALONE = 0.10


def doubtful_faces(quality: Float32, recognisable: Float32) -> npt.NDArray[np.bool_]:
    """Return (m,) bool, which faces make no person with a single other one.

    Size, sharpness and pose only suggest what the network itself tells: a small or turned face
    that it wholly recognises is somebody. Where it recognises every face of an album it does
    not tell one from another, and the quality alone counts.

    Args:
        quality: (m,) float32 in [0, 1].
        recognisable: (m,) float32 in [0, 1], see :mod:`grouping.faces.embedding.recognisability`.
    """
    not_wholly = recognisable < 1
    return (quality < PAIR_QUALITY) & (not_wholly | ~not_wholly.any())


def attach_weak_faces(
    faces: MicroClusters,
    labels: Int64,
    candidates: Int64,
    threshold: float,
    doubtful: npt.NDArray[np.bool_],
) -> Int64:
    """Return labels with those candidates attached that clearly belong to one group.

    Args:
        faces: m of them, identical ones as one.
        labels: (m,) int64 from 0, -1 for none.
        candidates: (c,) int64, faces to attach; those that have a label keep it.
        threshold: smallest average similarity to a group.
        doubtful: (m,) bool, faces that do not join a group of one face.

    Returns:
        (m,) int64.
    """
    waiting = candidates[labels[candidates] < 0]
    inside = np.flatnonzero(labels >= 0)
    if not len(inside) or not len(waiting):
        return labels
    groups = faces.take(inside).contract(labels[inside])
    two, similarity = nearest_rows(faces.take(waiting).means(), groups.means(), 2)
    best, best_similarity, lead = two[:, 0], similarity[:, 0], similarity[:, 0] - similarity[:, 1]
    alone = groups.sizes[best] == 1
    needed = threshold + np.where(alone, np.float32(ALONE), 0)
    clear = (best_similarity >= needed) & (lead >= MARGIN)
    fits = np.flatnonzero(clear & ~(alone & doubtful[waiting]))
    order = fits[np.argsort(-best_similarity[fits], kind="stable")]
    return _placed(labels, waiting[order], best[order], faces.cannot_link)


def _placed(labels: Int64, faces: Int64, groups: Int64, cannot_link: Int64) -> Int64:
    """Return labels with each face put in its group, in order, unless one in there forbids it.

    Args:
        labels: (m,) int64, -1 for none.
        faces: (f,) int64, faces without a label.
        groups: (f,) int64, where each wants to go.
        cannot_link: (c, 2) int64, pairs of faces.

    Returns:
        (m,) int64.
    """
    concerned = np.isin(cannot_link, faces).any(axis=1)  # few of what may be millions
    neighbours = Constraints(cannot_link=cannot_link[concerned]).neighbours()
    placed = labels.copy()
    for face, group in zip(faces.tolist(), groups.tolist(), strict=True):
        if all(placed[other] != group for other in neighbours.get(face, ())):
            placed[face] = group
    return placed
