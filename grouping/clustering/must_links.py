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

from collections import Counter

import numpy as np
import numpy.typing as npt

from grouping.records import Float32, Int64
from grouping.similarity.group_sums import group_sums, products_with_own_group
from grouping.similarity.pair_sets import connected_components, distinct_pairs


def spread_over_mates(cannot_link: Int64, must_link: Int64, n: int) -> Int64:
    """Cannot-links extended to all that must be with either end.

    A cannot-link between vertices that must be together is dropped: a must-link is said by a
    person, and contradictions between persons' words are found before.
    """
    if not len(must_link):
        return cannot_link
    part = connected_components(must_link, n)
    low, high = distinct_pairs(part[cannot_link], n).T
    member = np.argsort(part, kind="stable")
    size = np.bincount(part, minlength=n)
    first = np.cumsum(size) - size
    # Every member of one part with every member of the other.
    count = size[low] * size[high]
    pair = np.repeat(np.arange(len(low)), count)
    one, other = np.divmod(
        np.arange(count.sum()) - (np.cumsum(count) - count)[pair], size[high][pair]
    )
    ends = member[first[low][pair] + one], member[first[high][pair] + other]
    return distinct_pairs(np.stack(ends, axis=1), n)


def join_clusters(
    sums: Float32, sizes: Int64, labels: Int64, must_link: Int64, cannot_link: Int64
) -> Int64:
    """Labels with the clusters of must-linked vertices made one.

    Two clusters that hold vertices which a person keeps apart, both of them linked, are not made
    one: there the vertices that are linked move alone, to the cluster that most of them are in.

    Args:
        sums, sizes: of the vertices, see :mod:`grouping.clustering.micro_clusters`.
        labels: (m,) int64 from 0, -1 for none.
        must_link, cannot_link: pairs of vertices; a cannot-link is there for all that are linked
            to either end, see :func:`spread_over_mates`.
    """
    if not len(must_link):
        return labels
    alone = labels < 0
    own = labels.copy()
    own[alone] = labels.max(initial=-1) + 1 + np.arange(alone.sum())
    linked = np.isin(np.arange(len(labels)), must_link)
    joined = _joined(own, connected_components(must_link, len(labels)), linked, cannot_link)
    joined[alone & ~linked] = -1
    conflicts = cannot_link[joined[cannot_link[:, 0]] == joined[cannot_link[:, 1]]]
    likeness = _likeness(sums, sizes, joined)
    for a, b in conflicts.tolist():
        if joined[a] == joined[b] >= 0:
            leaves = a if (linked[a], likeness[a], -a) < (linked[b], likeness[b], -b) else b
            joined[leaves] = -1
    return np.unique(np.append(joined, -1), return_inverse=True)[1][:-1].astype(np.int64) - 1


def _joined(labels: Int64, part: Int64, linked: npt.NDArray[np.bool_], cannot_link: Int64) -> Int64:
    """Labels with the clusters of each part made one, where nobody keeps them apart.

    Args:
        labels: (m,) int64 from 0.
        part: (m,) int64, equal for vertices that must be together.
        linked: (m,) which vertices are in a part of several.
        cannot_link: pairs of vertices.
    """
    labels = labels.copy()
    enemies: dict[int, set[int]] = {}
    for a, b in distinct_pairs(
        part[cannot_link[linked[cannot_link].all(axis=1)]], len(part)
    ).tolist():
        enemies.setdefault(a, set()).add(b)
        enemies.setdefault(b, set()).add(a)
    members: dict[int, list[int]] = {}
    inside: dict[int, set[int]] = {}  # the parts in each cluster
    for vertex in np.flatnonzero(linked).tolist():
        members.setdefault(int(part[vertex]), []).append(vertex)
        inside.setdefault(int(labels[vertex]), set()).add(int(part[vertex]))
    root = np.arange(int(labels.max()) + 1)
    # The largest first, so that two links of a person do not depend on the order of the faces.
    for own, vertices in sorted(members.items(), key=lambda item: (-len(item[1]), item[1])):
        clusters = Counter(root[labels[vertices]].tolist())
        home, *others = sorted(clusters, key=lambda cluster: (-clusters[cluster], cluster))
        for other in others:
            if any(enemies.get(one, set()) & inside[home] for one in inside[other]):
                moving = [vertex for vertex in vertices if root[labels[vertex]] == other]
                labels[moving] = home
                inside[other].discard(own)
            else:
                root[root == other] = home
                inside[home] |= inside.pop(other)
    return root[labels]


def _likeness(sums: Float32, sizes: Int64, labels: Int64) -> Float32:
    """(m,) float32, average similarity of each vertex to its cluster, itself included."""
    count = int(labels.max(initial=-1)) + 1
    inside = labels >= 0
    weight = np.bincount(labels[inside], sizes[inside], minlength=count)
    products = products_with_own_group(sums, group_sums(sums, labels, count), labels)
    return np.asarray(products / (sizes * weight[labels]), np.float32)
