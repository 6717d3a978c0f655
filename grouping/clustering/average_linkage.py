"""Average linkage on a sparse graph, exact, with cannot-link.

The similarity of two clusters is the mean over all pairs of their members, which for unit
vectors is the inner product of the two mean vectors. Clusters are merged, the most similar
first, until no allowed pair is as similar as the threshold.

Three facts make this fast and exact without the n x n matrix:

* A mean reaches the threshold only if some pair does. So only clusters joined by an edge of
  the graph at the threshold can ever merge; all others need not be looked at.
* Average linkage is reducible: the similarity of a union to a third cluster is never above
  both of its parts'. So a pair that has fallen below the threshold never comes back and its
  edge is dropped, and all pairs of clusters that are each other's most similar can be merged
  at once, with the result of merging one pair at a time.
* Where the similarity of two clusters is not the sum of known ones, because an edge has been
  dropped, it is computed from the sums of vectors; nothing is estimated.

A cannot-link is an edge of similarity minus infinity: it never merges, and an edge that takes
it up is minus infinity too. Reducibility holds, so the result stays that of merging greedily.

References:
    D. Müllner, Modern hierarchical, agglomerative clustering algorithms, arXiv:1109.2378.
    B. Sumengen et al., Scaling hierarchical agglomerative clustering to billion-sized
    datasets (reciprocal merging), arXiv:2105.11653.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grouping.clustering.cluster_pairs import (
    ClusterPairs,
    at_or_above,
    compacted,
    concatenated,
    contract,
    no_pairs,
    reciprocal_best,
)
from grouping.clustering.edge_levels import EdgesByLevel
from grouping.clustering.micro_clusters import MicroClusters
from grouping.records import Float32, Float64, Int64
from grouping.similarity.cosine_graph import CosineGraph
from grouping.similarity.inner_products import PairProducts, products_among
from grouping.similarity.pair_sets import (
    Index,
    connected_components,
    is_in_sorted,
    ordered_ends,
    unique_sorted,
)

# Asked before clusters merge: (inner, sizes, low, high, similarity) -> one bool a pair, where
# ``inner`` is the sum of the similarities of all pairs of vectors within each cluster.
Accept = Callable[[Float64, Int64, Int64, Int64, Float64], npt.NDArray[np.bool_]]

# (p,) int64 and (p,) int64: pairs of vertices that must not share a cluster.
Apart = tuple[Int64, Int64]


@dataclass(frozen=True, eq=False)
class Merges:
    """The merges of a run, in an order in which each can be done after those before it.

    Attributes:
        merged_into, merged: (m,) int64, the clusters, named by their smallest vertex;
            ``merged_into < merged`` and the union is called ``merged_into``.
        similarity: (m,) float64, mean similarity between the two.
    """

    merged_into: Int64
    merged: Int64
    similarity: Float64

    def roots(self, n: int) -> Int64:
        """Return (n,) int64, for each vertex the smallest vertex of its cluster."""
        root = np.arange(n)
        root[self.merged] = self.merged_into
        while not np.array_equal(above := root[root], root):
            root = above
        return root


def average_linkage(
    vertices: MicroClusters,
    graph: CosineGraph,
    threshold: float,
    accept: Accept | None = None,
    products: PairProducts | None = None,
) -> Merges:
    """Merge clusters until no allowed pair has a mean similarity of ``threshold``.

    Ties are broken by the numbers of the vertices, the smallest first. Copies of all faces or
    edges are large, so two things of the caller's are worked in: the sums, which are restored,
    and the graph, whose edges are left in another order.

    Args:
        vertices: the n clusters to start from, with what must not share a cluster. Their
            must-links are not looked at.
        graph: mean similarity of all pairs of vertices that reach ``threshold``.
        threshold: smallest mean similarity of a merge.
        accept: whether clusters that are each other's most similar may merge; a pair refused
            is a cannot-link from then on. By default all may.
        products: how inner products are made; by default as among so many vertices. They are some
            of more where the vertices are a part.
    """
    run = _Run(vertices.sums, vertices.sizes, accept, products or products_among(len(vertices)))
    apart = [ordered_ends(vertices.cannot_link[:, 0], vertices.cannot_link[:, 1])]
    pairs = no_pairs()
    try:
        by_level = EdgesByLevel(graph, threshold)
        for number, level in enumerate(by_level.levels):
            cluster_of = run.roots()
            found = by_level.between(number, cluster_of, run.sizes)
            pairs = _pairs_now(pairs, found, cluster_of, run)
            active, mean = at_or_above(pairs, run.sizes, level)
            run.merge(*_with_cannot_links(active, mean, apart, cluster_of), level)
            apart.append(run.take_refused())
    finally:
        run.restore_sums()
    return run.merges()


def _pairs_now(
    before: ClusterPairs,
    found: tuple[ClusterPairs, Int64],
    cluster_of: Int64,
    run: _Run,
) -> ClusterPairs:
    """Return all pairs of clusters with an edge between them, as far down as has been looked.

    Args:
        before: the pairs at the level before.
        found: what :meth:`EdgesByLevel.between` found at this level.
        cluster_of: (n,) int64, the cluster of each vertex.
        run: of those clusters; asked which of them have changed since ``before``.
    """
    n = len(cluster_of)
    singles, keys = found
    changed = run.take_changed()
    low, high = ordered_ends(cluster_of.take(before.low), cluster_of.take(before.high))
    outdated = changed.take(low) | changed.take(high)
    known = before.take(np.flatnonzero(~outdated))
    again = (low * n + high).compress(outdated & (low != high))
    keys = unique_sorted(np.concatenate([keys, again]))
    keys = keys.compress(~is_in_sorted(unique_sorted(known.low * n + known.high), keys))
    low, high = np.divmod(keys, n)
    total = run.products(run.sums, run.sums, low, high).astype(np.float64)
    return concatenated([known, singles, ClusterPairs(low, high, total)])


def _with_cannot_links(
    pairs: ClusterPairs, mean: Float64, apart: Sequence[Apart], cluster_of: Int64
) -> tuple[ClusterPairs, Float64]:
    """Return the pairs, and a cannot-link wherever one is between the members of two clusters.

    Without those between clusters that no chain of pairs joins: they cannot meet.

    Args:
        pairs: p of them.
        mean: (p,) float64, mean similarity of each.
        apart: vertices that must not share a cluster, in parts.
        cluster_of: (n,) int64, the cluster of each vertex.

    Returns:
        k pairs and (k,) float64, minus infinity for a cannot-link.
    """
    n = len(cluster_of)
    low = np.concatenate([part[0] for part in apart])
    high = np.concatenate([part[1] for part in apart])
    if not len(low):
        return pairs, mean
    low, high = ordered_ends(cluster_of.take(low), cluster_of.take(high))
    component = connected_components(np.stack([pairs.low, pairs.high], axis=1), n)
    near = np.flatnonzero(component.take(low) == component.take(high))
    keys = unique_sorted(low.take(near) * n + high.take(near))
    free = np.flatnonzero(~is_in_sorted(keys, pairs.low * n + pairs.high))
    forbidden = ClusterPairs(*np.divmod(keys, n), np.full(len(keys), -np.inf))
    both = concatenated([pairs.take(free), forbidden])
    return both, np.append(mean.take(free), forbidden.total)


class _Run:
    """The clusters as they grow, and what was merged.

    A cluster is named by its smallest vertex; all arrays here have a row a vertex, of which those
    of other names are out of date.

    Args:
        sums: (n, d) float32, worked in until :meth:`restore_sums`.
        sizes: (n,) int64, left as they are.
        accept, products: see :func:`average_linkage`.

    Attributes:
        sums: (n, d) float32, sum of the vectors of each cluster.
        sizes: (n,) int64, vectors of each cluster.
        inner: (n,) float64, sum of the similarities of all pairs of vectors of each cluster.
        products: how inner products are made.
    """

    def __init__(
        self, sums: Float32, sizes: Int64, accept: Accept | None, products: PairProducts
    ) -> None:
        self.sums, self.sizes, self._accept = sums, sizes.copy(), accept
        self.products = products
        several = np.flatnonzero(sizes > 1)
        self.inner = np.zeros(len(sizes))
        self.inner[several] = products(sums, sums, several, several)
        self.inner[several] = (self.inner[several] - sizes[several]) / 2
        self._changed = np.zeros(len(sizes), bool)
        self._is_saved = np.zeros(len(sizes), bool)
        self._saved: list[tuple[Int64, Float32]] = []
        self._history: list[tuple[Int64, Int64, Float64]] = []
        self._refused: list[Apart] = []

    def merge(self, pairs: ClusterPairs, mean: Float64, level: float) -> None:
        """Merge until no allowed pair reaches ``level``.

        There are two numberings. A *cluster* is a row of ``sums``. The pairs are between *places*
        in the list ``cluster_at``, of those clusters only that still take part, so that a round
        costs nothing for all others.

        Args:
            pairs: p pairs of clusters: all that reach the level, and the cannot-links that may
                matter.
            mean: (p,) float64, similarity of each, minus infinity for a cannot-link.
            level: smallest mean similarity of a merge.
        """
        cluster_at = np.arange(len(self.sizes))
        compact_at = len(mean)
        while True:
            if len(mean) <= compact_at:
                used, pairs, mean = compacted(pairs, mean, len(cluster_at))
                cluster_at, compact_at = cluster_at[used], len(mean) // 2
            best = reciprocal_best(pairs, mean)
            if not len(best):
                return
            best = self._accepted(pairs, mean, best, cluster_at)
            low_place, high_place = pairs.low[best], pairs.high[best]
            low_cluster, high_cluster = cluster_at[low_place], cluster_at[high_place]
            self._unite(low_cluster, high_cluster, pairs.total[best], mean[best])
            same, new = contract(pairs, low_place, high_place, self.sums, cluster_at, self.products)
            new, new_mean = at_or_above(new, self.sizes[cluster_at], level)
            pairs = concatenated([pairs.take(same), new])
            mean = np.concatenate([mean.take(same), new_mean])

    def _accepted(
        self, pairs: ClusterPairs, mean: Float64, best: Index, cluster_at: Int64
    ) -> Index:
        """Return those pairs that may merge; the others become cannot-links where they are.

        Args:
            pairs: p pairs of places.
            mean: (p,) float64, similarity of each.
            best: (k,) intp, the pairs that are asked for.
            cluster_at: (q,) int64, the cluster at each place.
        """
        if self._accept is None:
            return best
        low, high = cluster_at[pairs.low[best]], cluster_at[pairs.high[best]]
        good = self._accept(self.inner, self.sizes, low, high, mean[best])
        pairs.total[best[~good]] = mean[best[~good]] = -np.inf
        self._refused.append((low[~good], high[~good]))
        return best[good]

    def _unite(self, merged_into: Int64, merged: Int64, total: Float64, mean: Float64) -> None:
        """Add each cluster of (m,) ``merged`` to that of ``merged_into``.

        Args:
            merged_into, merged: (m,) int64, clusters; none is there twice.
            total, mean: (m,) float64, sum and mean of the similarities between the two.
        """
        self._history.append((merged_into, merged, mean))
        self.inner[merged_into] += self.inner[merged] + total
        self._save_sums(merged_into)
        self.sums[merged_into] += self.sums[merged]
        self.sizes[merged_into] += self.sizes[merged]
        self._changed[merged_into] = self._changed[merged] = True

    def _save_sums(self, clusters: Int64) -> None:
        """Keep the sums of (m,) int64 clusters as they were passed, before the first change."""
        first = clusters[~self._is_saved[clusters]]
        self._saved.append((first, self.sums[first]))
        self._is_saved[first] = True

    def restore_sums(self) -> None:
        """Give the sums that were passed their values again."""
        for clusters, sums in self._saved:
            self.sums[clusters] = sums

    def take_changed(self) -> npt.NDArray[np.bool_]:
        """Return (n,) bool, which clusters have merged since this was last asked."""
        changed, self._changed = self._changed, np.zeros(len(self.sizes), bool)
        return changed

    def take_refused(self) -> Apart:
        """Return the pairs of clusters refused since this was last asked."""
        none = np.zeros(0, np.int64)
        low, high = zip((none, none), *self._refused, strict=True)
        self._refused.clear()
        return np.concatenate(low), np.concatenate(high)

    def roots(self) -> Int64:
        """Return (n,) int64, the cluster of each vertex, named by its smallest vertex."""
        return self.merges().roots(len(self.sizes))

    def merges(self) -> Merges:
        """Return all merges until now."""
        none = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        merged_into, merged, similarity = zip(none, *self._history, strict=True)
        return Merges(
            np.concatenate(merged_into), np.concatenate(merged), np.concatenate(similarity)
        )
