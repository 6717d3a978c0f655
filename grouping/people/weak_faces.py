"""Weaker faces to the groups that better faces have made.

A face is attached where its average similarity to a group reaches the threshold and leads that
to the next group by a margin: a face that fits two groups equally stays out. A single good face
has to be met more closely, for nothing else speaks for the two, and not by a face that shows next
to nothing. No face joins a group that it cannot be in, and of two faces that cannot be together
the more similar goes in.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grouping.clustering.micro_clusters import MicroClusters
from grouping.records import Float32, Int64

# How much more similar a face must be to its group than to the next one.
MARGIN = 0.05
# How much more than the threshold asks for a group of one face.
ALONE = 0.10
# Entries of the table of similarities that is in memory at a time.
TABLE = 16_000_000


def attach(
    vertices: MicroClusters,
    labels: Int64,
    candidates: Int64,
    threshold: float,
    hopeless: npt.NDArray[np.bool_],
    margin: float = MARGIN,
) -> Int64:
    """Labels with those candidates attached that clearly belong to one group.

    Args:
        vertices: all faces, as vertices.
        labels: (m,) int64 from 0, -1 for none.
        candidates: vertices to attach; those that have a label keep it.
        threshold: smallest average similarity to a group.
        hopeless: (m,) bool, vertices that do not join a group of one face.
        margin: smallest lead over the next group.
    """
    waiting = candidates[labels[candidates] < 0]
    inside = np.flatnonzero(labels >= 0)
    if not len(inside) or not len(waiting):
        return labels
    groups = vertices.take(inside).contract(labels[inside])
    best, similarity, lead = _two_best(vertices.take(waiting).means(), groups.means())
    alone = groups.sizes[best] == 1
    needed = threshold + np.where(alone, np.float32(ALONE), 0)
    clear = (similarity >= needed) & (lead >= margin)
    fits = np.flatnonzero(clear & ~(alone & hopeless[waiting]))
    order = fits[np.argsort(-similarity[fits], kind="stable")]
    return _placed(labels, waiting[order], best[order], vertices.cannot_link)


def _two_best(vectors: Float32, groups: Float32) -> tuple[Int64, Float32, Float32]:
    """For each vector its most similar group, that similarity, and its lead over the next."""
    best = np.empty(len(vectors), np.int64)
    similarity, lead = np.empty((2, len(vectors)), np.float32)
    rows = max(1, TABLE // len(groups))
    for start in range(0, len(vectors), rows):
        part = slice(start, start + rows)
        table = vectors[part] @ groups.T
        row = np.arange(len(table))
        best[part] = table.argmax(axis=1)
        similarity[part] = table[row, best[part]]
        table[row, best[part]] = -np.inf
        lead[part] = similarity[part] - table.max(axis=1)
    return best, similarity, lead


def _placed(labels: Int64, vertices: Int64, groups: Int64, cannot_link: Int64) -> Int64:
    """Labels with each vertex put in its group, in order, unless something there forbids it."""
    wanted = set(vertices.tolist())
    enemies: dict[int, list[int]] = {}
    for a, b in cannot_link.tolist():
        if a in wanted:
            enemies.setdefault(a, []).append(b)
        if b in wanted:
            enemies.setdefault(b, []).append(a)
    placed = labels.copy()
    for vertex, group in zip(vertices.tolist(), groups.tolist(), strict=True):
        if all(placed[other] != group for other in enemies.get(vertex, [])):
            placed[vertex] = group
    return placed
