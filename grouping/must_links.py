"""Must-links: what a person said is one person, whatever the network thinks.

Faces that must be together are first clustered like all others, each with the faces that
resemble it, and then their clusters become one: who joins two groups means all their faces.
To put the faces together before clustering would average two unlike faces into one that
resembles neither.

While the faces are clustered, what cannot be with one of them cannot be with any. Two other
faces that still cannot be together when clusters are joined are told apart by similarity: the
one less like the joined group leaves it.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from grouping.edges import distinct_pairs
from grouping.members import group_sums, own_products
from grouping.records import Float32, Int64


def components(pairs: Int64, n: int) -> Int64:
    """(n,) int64, the connected component of each of ``n`` vertices under these pairs."""
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def spread_over_mates(cannot_link: Int64, must_link: Int64, n: int) -> Int64:
    """Cannot-links extended to all that must be with either end.

    A cannot-link between vertices that must be together is dropped: a must-link is said by a
    person, and contradictions between persons' words are found before.
    """
    if not len(must_link):
        return cannot_link
    part = components(must_link, n)
    mates: dict[int, list[int]] = {}
    for vertex in np.unique(must_link).tolist():
        mates.setdefault(int(part[vertex]), []).append(vertex)
    links = part[cannot_link]
    foreign = links[:, 0] != links[:, 1]
    touched = np.isin(links, list(mates)).any(axis=1)
    spread = [
        (a, b)
        for pair, (one, other) in zip(
            links[foreign & touched].tolist(), cannot_link[foreign & touched].tolist(), strict=True
        )
        for a in mates.get(pair[0], [one])
        for b in mates.get(pair[1], [other])
    ]
    extended = np.array(spread, np.int64).reshape(-1, 2)
    return distinct_pairs(np.concatenate([cannot_link[foreign & ~touched], extended]), n)


def join_clusters(
    sums: Float32, sizes: Int64, labels: Int64, must_link: Int64, cannot_link: Int64
) -> Int64:
    """Labels with the clusters of must-linked vertices made one.

    Args:
        sums, sizes: of the vertices, see :mod:`grouping.vertices`.
        labels: (m,) int64 from 0, -1 for none.
        must_link, cannot_link: pairs of vertices.
    """
    if not len(must_link):
        return labels
    alone = labels < 0
    own = labels.copy()
    own[alone] = labels.max(initial=-1) + 1 + np.arange(alone.sum())
    joined = components(own[must_link], int(own.max()) + 1)[own]
    linked = np.isin(np.arange(len(labels)), must_link)
    joined[alone & ~linked] = -1
    conflicts = cannot_link[joined[cannot_link[:, 0]] == joined[cannot_link[:, 1]]]
    conflicts = conflicts[joined[conflicts[:, 0]] >= 0]
    likeness = _likeness(sums, sizes, joined)
    for a, b in conflicts.tolist():
        if joined[a] == joined[b] >= 0 and not (linked[a] and linked[b]):
            leaves = a if (linked[a], likeness[a], -a) < (linked[b], likeness[b], -b) else b
            joined[leaves] = -1
    return np.unique(np.append(joined, -1), return_inverse=True)[1][:-1].astype(np.int64) - 1


def _likeness(sums: Float32, sizes: Int64, labels: Int64) -> Float32:
    """(m,) float32, average similarity of each vertex to its cluster, itself included."""
    count = int(labels.max(initial=-1)) + 1
    inside = labels >= 0
    weight = np.bincount(labels[inside], sizes[inside], minlength=count)
    products = own_products(sums, group_sums(sums, labels, count), labels)
    return np.asarray(products / (sizes * weight[labels]), np.float32)
