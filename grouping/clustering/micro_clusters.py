"""Micro-clusters: sum and count of vectors that are one from the start.

The term is that of BIRCH (T. Zhang, R. Ramakrishnan, M. Livny, SIGMOD 1996) and CluStream. Faces
of identical embedding are one micro-cluster: a photo imported five thousand times costs no more
than once. What has been merged so far is a micro-cluster too, see :meth:`MicroClusters.contract`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from grouping.clustering.constraints import Constraints, extend_cannot_links
from grouping.records import Float32, Int64
from grouping.similarity.content_rank import content_rank
from grouping.similarity.cosine_graph import check_vectors
from grouping.similarity.group_sums import GroupSums, group_count
from grouping.similarity.pair_sets import connected_components, distinct_pairs


@dataclass(frozen=True, eq=False)
class MicroClusters:
    """Clusters to start from, in an order that does not depend on that of the faces.

    Attributes:
        sums: (m, d) float32, sum of the unit vectors of each.
        sizes: (m,) int64, how many vectors each sum holds.
        cannot_link: (c, 2) int64, pairs that must stay apart.
        must_link: (l, 2) int64, pairs that end in one cluster, see
            :mod:`grouping.clustering.must_links`.
    """

    sums: Float32
    sizes: Int64
    cannot_link: Int64
    must_link: Int64 = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    def __len__(self) -> int:
        return len(self.sizes)

    def means(self) -> Float32:
        """Return (m, d) float32; the inner product of two is the average similarity of the sets."""
        if (self.sizes == 1).all():
            return self.sums
        sizes: Float32 = self.sizes.astype(np.float32)
        return self.sums / sizes[:, None]

    def contract(self, labels: Int64) -> MicroClusters:
        """Return the unions of those of equal label, numbered by label.

        Must-links are left behind: they are obeyed when the clustering is done.

        Args:
            labels: (m,) int64 from 0 without gaps.
        """
        groups = GroupSums(self.sums, labels)
        sizes = groups.totals(self.sizes[groups.inside]).astype(np.int64)
        cannot_link = distinct_pairs(labels[self.cannot_link], len(groups))
        return MicroClusters(groups.sums, sizes, cannot_link)

    def take(self, index: npt.NDArray[np.intp]) -> MicroClusters:
        """Return some micro-clusters and the links among them; all of them are not copied.

        Args:
            index: (k,) intp, which; the first becomes number 0.
        """
        if len(index) == len(self) and (np.diff(index) == 1).all():
            return self
        links = Constraints(self.must_link, self.cannot_link).among(index, len(self))
        sums, sizes = self.sums[index], self.sizes[index]
        return MicroClusters(sums, sizes, links.cannot_link, links.must_link)


def micro_clusters_of(vectors: Float32, constraints: Constraints) -> tuple[MicroClusters, Int64]:
    """Contract identical vectors, but for those that a cannot-link keeps apart.

    Args:
        vectors: (n, d) float32, rows of unit length.
        constraints: about these rows.

    Returns:
        the micro-clusters, and (n,) int64, that of each row.

    Raises:
        InputError: vectors that are zero, not finite or not float32.
    """
    check_vectors(vectors)
    rank = content_rank(vectors)
    same = _identical_pairs(rank, constraints)
    member = _by_smallest_rank(connected_components(same, len(rank)), rank)
    groups = GroupSums(vectors, member)
    count = len(groups)
    must = distinct_pairs(member[constraints.must_link], count)
    cannot = extend_cannot_links(
        distinct_pairs(member[constraints.cannot_link], count), must, count
    )
    return MicroClusters(groups.sums, groups.sizes, cannot, must), member


def _identical_pairs(rank: Int64, links: Constraints) -> Int64:
    """Return a chain of pairs through each set of identical rows, without those kept apart.

    Args:
        rank: (n,) int64, equal for identical rows.
        links: about these rows.

    Returns:
        (p, 2) int64, pairs of rows.
    """
    apart = links.cannot_link[rank[links.cannot_link[:, 0]] == rank[links.cannot_link[:, 1]]]
    free = np.ones(len(rank), bool)
    free[apart.ravel()] = False
    pairs = _chains(rank, free)
    if len(links.must_link):
        free[_contradicted(pairs, links, len(rank))] = False
        pairs = _chains(rank, free)
    return pairs


def _chains(rank: Int64, free: npt.NDArray[np.bool_]) -> Int64:
    """Return (p, 2) int64, a chain of pairs through each set of identical rows that are free."""
    rows = np.flatnonzero(free)
    order = rows[np.argsort(rank[rows], kind="stable")]
    equal = np.flatnonzero(rank[order[1:]] == rank[order[:-1]])
    return np.stack([order[equal], order[equal + 1]], axis=1)


def _contradicted(same: Int64, links: Constraints, n: int) -> Int64:
    """Return the linked rows that, taken as one with identical ones, would break a cannot-link.

    Where 3 must be with 5, and 2, that is identical to 3, cannot be: 2, 3 and 5.

    Args:
        same: (p, 2) int64, pairs of identical rows.
        links: about n rows.

    Returns:
        (k,) int64.
    """
    part = connected_components(np.concatenate([links.must_link, same]), n)
    one, other = part[links.cannot_link].T
    linked = np.concatenate([links.must_link, links.cannot_link[one == other]]).ravel()
    return linked[np.isin(part[linked], one[one == other])]


def _by_smallest_rank(labels: Int64, rank: Int64) -> Int64:
    """Return the same partition, numbered in the order of the smallest rank of each part.

    Args:
        labels: (n,) int64 from 0 without gaps.
        rank: (n,) int64, not negative and below n.

    Returns:
        (n,) int64.
    """
    count = group_count(labels)
    smallest = np.full(count, len(rank))
    np.minimum.at(smallest, labels, rank)
    place = np.empty(count, np.int64)
    place[np.argsort(smallest, kind="stable")] = np.arange(count)
    return place[labels]
