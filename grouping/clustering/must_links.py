"""Joins the clusters of faces that a person said are one person, whatever the network thinks.

Faces that must be together are first clustered like all others, each with the faces that
resemble it, and then their clusters become one: who joins two groups means all their faces.
To put the faces together before clustering would average two unlike faces into one that
resembles neither.

While the faces are clustered, what cannot be with one of them cannot be with any, see
:func:`grouping.clustering.constraints.extend_cannot_links`. Two other faces that still cannot be
together when clusters are joined are told apart by similarity: the one less like the joined group
leaves it.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from grouping.clustering.constraints import Constraints
from grouping.clustering.micro_clusters import MicroClusters
from grouping.records import Float32, Int64
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.pair_sets import connected_components, distinct_pairs


def join_linked_clusters(vertices: MicroClusters, labels: Int64) -> Int64:
    """Return labels with the clusters of must-linked vertices made one.

    Two clusters that hold vertices which a person keeps apart, both of them linked, are not made
    one: there the vertices that are linked move alone, to the cluster that most of them are in.

    Args:
        vertices: m of them, and their links; a cannot-link is there for all that are linked to
            either end.
        labels: (m,) int64 from 0, -1 for none.

    Returns:
        (m,) int64 from 0 without gaps, -1 for none.
    """
    must_link, cannot_link = vertices.must_link, vertices.cannot_link
    if not len(must_link):
        return labels
    alone = labels < 0
    own = labels.copy()
    own[alone] = labels.max(initial=-1) + 1 + np.arange(alone.sum())
    linked = np.isin(np.arange(len(labels)), must_link)
    part = connected_components(must_link, len(labels))
    joined = _join_parts(own, part, linked, cannot_link)
    joined[alone & ~linked] = -1
    conflicts = cannot_link[joined[cannot_link[:, 0]] == joined[cannot_link[:, 1]]]
    likeness = _likeness(vertices, joined)
    for a, b in conflicts.tolist():
        if joined[a] == joined[b] >= 0:
            leaves = a if (linked[a], likeness[a], -a) < (linked[b], likeness[b], -b) else b
            joined[leaves] = -1
    return np.unique(np.append(joined, -1), return_inverse=True)[1][:-1].astype(np.int64) - 1


def _join_parts(
    labels: Int64, part: Int64, linked: npt.NDArray[np.bool_], cannot_link: Int64
) -> Int64:
    """Return labels with the clusters of each part made one, where nobody keeps them apart.

    Of eight vertices in two clusters, 0 and 1 are linked, 4 and 5, and 3 and 7; 0 and 4, and with
    them the first two parts, cannot be together::

        vertex   0 1 2 3 4 5 6 7
        part     0 0 1 2 3 3 4 2
        cluster  0 0 0 0 1 1 1 1

    Parts 0 and 3 are in one cluster each. Part 2 is in both. It would make them one, but cluster 1
    holds part 3, which is forbidden beside part 0 of cluster 0: so only vertex 7 moves there.

    Args:
        labels: (m,) int64 from 0.
        part: (m,) int64, equal for vertices that must be together.
        linked: (m,) bool, which vertices are in a part of several.
        cannot_link: (c, 2) int64, pairs of vertices.

    Returns:
        (m,) int64, some of the labels.
    """
    labels = labels.copy()
    both_linked = linked[cannot_link].all(axis=1)
    apart = distinct_pairs(part[cannot_link[both_linked]], len(part))
    forbidden = Constraints(cannot_link=apart).neighbours()
    vertices_of: dict[int, list[int]] = {}
    parts_in: dict[int, set[int]] = {}
    for vertex in np.flatnonzero(linked).tolist():
        vertices_of.setdefault(int(part[vertex]), []).append(vertex)
        parts_in.setdefault(int(labels[vertex]), set()).add(int(part[vertex]))

    def may_be_one(cluster: int, other: int) -> bool:
        return all(forbidden.get(p, set()).isdisjoint(parts_in[cluster]) for p in parts_in[other])

    # The largest first, so that two links of a person do not depend on the order of the faces.
    for own, vertices in sorted(vertices_of.items(), key=lambda item: (-len(item[1]), item[1])):
        home, *others = _by_frequency(labels[vertices])
        for other in others:
            if may_be_one(home, other):
                labels[labels == other] = home
                parts_in[home] |= parts_in.pop(other)
            else:
                labels[[vertex for vertex in vertices if labels[vertex] == other]] = home
                parts_in[other].discard(own)
    return labels


def _by_frequency(values: Int64) -> list[int]:
    """Return the different of (k,) int64 values, the most frequent first, then the smallest."""
    count = Counter(values.tolist())
    return sorted(count, key=lambda value: (-count[value], value))


def _likeness(vertices: MicroClusters, labels: Int64) -> Float32:
    """Return the average similarity of each vertex to its cluster, itself included.

    Args:
        vertices: m of them.
        labels: (m,) int64 from 0, some of them in use, -1 for none.

    Returns:
        (m,) float32, NaN for a vertex of no cluster.
    """
    groups = GroupSums(vertices.sums, labels)
    faces = groups.totals(vertices.sizes[groups.inside])
    products = groups.products_with_own(groups.sums)
    return np.asarray(products / (vertices.sizes * faces[labels]), np.float32)
