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
    ClusterEdges,
    compacted,
    contract,
    joined,
    no_edges,
    reaching,
    reciprocal_best,
)
from grouping.clustering.edge_levels import EdgesByLevel, Similarities
from grouping.records import Float32, Float64, Int64
from grouping.similarity.inner_products import pair_products
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


@dataclass(frozen=True, eq=False)
class Merges:
    """The merges of a run, in an order in which each can be done after those before it.

    Attributes:
        kept, gone: (m,) int64, the clusters merged, named by their smallest vertex;
            ``kept < gone`` and the union is called ``kept``.
        similarity: (m,) float64, mean similarity between the two.
    """

    kept: Int64
    gone: Int64
    similarity: Float64

    def roots(self, n: int) -> Int64:
        """(n,) int64, for each vertex the smallest vertex of its cluster."""
        root = np.arange(n)
        root[self.gone] = self.kept
        while not np.array_equal(above := root[root], root):
            root = above
        return root


def average_linkage(
    sums: Float32,
    sizes: Int64,
    edges: Similarities,
    cannot_link: tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]],
    threshold: float,
    accept: Accept | None = None,
) -> Merges:
    """Merge clusters until no allowed pair has a mean similarity of ``threshold``.

    Ties are broken by the numbers of the vertices, the smallest first.

    Args:
        sums: (n, d) float32, the sum of the unit vectors of each vertex (its vector, where a
            vertex is one face). Used to work in and restored: a copy of all faces is large.
        sizes: (n,) int64, how many vectors each sum holds.
        edges: rows, columns and mean similarity of all pairs of vertices that reach
            ``threshold``. Put into another order where they are: a copy of all is large.
        cannot_link: rows and columns of vertices that must not share a cluster.
        threshold: smallest mean similarity of a merge.
        accept: whether clusters that are each other's most similar may merge; a pair refused
            is a cannot-link from then on. By default all may.
    """
    run = _Run(sums, sizes, accept)
    apart = [ordered_ends(*cannot_link)]
    pairs = no_edges()
    try:
        by_level = EdgesByLevel(edges, threshold)
        for number, level in enumerate(by_level.levels):
            name = run.roots()
            found = by_level.between(number, name, run.sizes)
            pairs = _pairs_now(pairs, found, name, run.take_grown(), sums)
            active, mean = reaching(pairs, run.sizes, level)
            run.merge(*_with_cannot_links(active, mean, apart, name), level)
            apart.append(run.take_refused())
    finally:
        run.restore_sums()
    return run.merges()


def _pairs_now(
    before: ClusterEdges,
    found: tuple[ClusterEdges, Int64],
    name: Int64,
    grown: npt.NDArray[np.bool_],
    sums: Float32,
) -> ClusterEdges:
    """All pairs of clusters with an edge between them, as far down as has been looked.

    Args:
        before: the pairs at the level before.
        found: what :meth:`EdgesByLevel.between` found at this level.
        name: (n,) the cluster of each vertex.
        grown: (n,) whether the cluster has merged since ``before``.
        sums: (n, d) sum of the vectors of each cluster.
    """
    n = len(name)
    single, keys = found
    low, high = ordered_ends(name.take(before.low), name.take(before.high))
    old = grown.take(low) | grown.take(high)
    known = before.take(np.flatnonzero(~old))
    again = (low * n + high).compress(old & (low != high))
    keys = unique_sorted(np.concatenate([keys, again]))
    keys = keys.compress(~is_in_sorted(unique_sorted(known.low * n + known.high), keys))
    low, high = np.divmod(keys, n)
    total = pair_products(sums, sums, low, high).astype(np.float64)
    return joined([known, single, ClusterEdges(low, high, total)])


def _with_cannot_links(
    edges: ClusterEdges, mean: Float64, apart: Sequence[tuple[Int64, Int64]], name: Int64
) -> tuple[ClusterEdges, Float64]:
    """The edges, and a cannot-link wherever one is between the members of two clusters.

    Without those between clusters that no chain of edges joins: they cannot meet.
    """
    n = len(name)
    low = np.concatenate([pairs[0] for pairs in apart])
    high = np.concatenate([pairs[1] for pairs in apart])
    if not len(low):
        return edges, mean
    low, high = ordered_ends(name.take(low), name.take(high))
    part = connected_components(np.stack([edges.low, edges.high], axis=1), n)
    near = np.flatnonzero(part.take(low) == part.take(high))
    keys = unique_sorted(low.take(near) * n + high.take(near))
    free = np.flatnonzero(~is_in_sorted(keys, edges.low * n + edges.high))
    forbidden = ClusterEdges(*np.divmod(keys, n), np.full(len(keys), -np.inf))
    return joined([edges.take(free), forbidden]), np.append(mean.take(free), forbidden.total)


class _Run:
    """The clusters as they grow, and what was merged."""

    def __init__(self, sums: Float32, sizes: Int64, accept: Accept | None) -> None:
        self.sums, self.sizes, self.accept = sums, sizes.copy(), accept
        several = np.flatnonzero(sizes > 1)
        self.inner = np.zeros(len(sizes))
        self.inner[several] = pair_products(sums, sums, several, several)
        self.inner[several] = (self.inner[several] - sizes[several]) / 2
        self._changed = np.zeros(len(sizes), bool)
        self._originals: list[tuple[Int64, Float32]] = []
        self.history: list[tuple[Int64, Int64, Float64]] = []
        self._refused: list[tuple[Int64, Int64]] = []
        self._grown = np.zeros(len(sizes), bool)

    def merge(self, active: ClusterEdges, mean: Float64, level: float) -> None:
        """Merge until no allowed pair reaches ``level``.

        Args:
            active: all pairs that do, and the cannot-links that may matter.
            mean: similarity of each, minus infinity for a cannot-link.
            level: smallest mean similarity of a merge.
        """
        vertex = np.arange(len(self.sizes))
        compact_at = len(mean)
        while True:
            if len(mean) <= compact_at:
                # A round then costs nothing for the clusters that do not take part.
                used, active, mean = compacted(active, mean, len(vertex))
                vertex, compact_at = vertex[used], len(mean) // 2
            chosen = reciprocal_best(active, mean)
            if not len(chosen):
                return
            chosen = self._accepted(active, vertex, mean, chosen)
            low, high = active.low[chosen], active.high[chosen]
            kept, gone = vertex[low], vertex[high]
            self.history.append((kept, gone, mean[chosen]))
            self.inner[kept] += self.inner[gone] + active.total[chosen]
            self._keep_originals(kept)
            self.sums[kept] += self.sums[gone]
            self.sizes[kept] += self.sizes[gone]
            self._grown[kept] = self._grown[gone] = True
            same, changed = contract(active, low, high, self.sums, vertex)
            changed, changed_mean = reaching(changed, self.sizes[vertex], level)
            active = joined([active.take(same), changed])
            mean = np.concatenate([mean.take(same), changed_mean])

    def _accepted(self, active: ClusterEdges, vertex: Int64, mean: Float64, chosen: Index) -> Index:
        if self.accept is None:
            return chosen
        low, high = vertex[active.low[chosen]], vertex[active.high[chosen]]
        good = self.accept(self.inner, self.sizes, low, high, mean[chosen])
        active.total[chosen[~good]] = mean[chosen[~good]] = -np.inf
        self._refused.append((low[~good], high[~good]))
        return chosen[good]

    def _keep_originals(self, clusters: Int64) -> None:
        first = clusters[~self._changed[clusters]]
        self._originals.append((first, self.sums[first]))
        self._changed[first] = True

    def restore_sums(self) -> None:
        """Give the sums that were passed their values again."""
        for clusters, sums in self._originals:
            self.sums[clusters] = sums

    def take_grown(self) -> npt.NDArray[np.bool_]:
        """(n,) which clusters have merged since this was last asked."""
        grown, self._grown = self._grown, np.zeros(len(self.sizes), bool)
        return grown

    def take_refused(self) -> tuple[Int64, Int64]:
        """The pairs refused since this was last asked."""
        none = np.zeros(0, np.int64)
        low, high = zip((none, none), *self._refused, strict=True)
        self._refused.clear()
        return np.concatenate(low), np.concatenate(high)

    def roots(self) -> Int64:
        """(n,) int64, the cluster of each vertex, named by its smallest vertex."""
        return self.merges().roots(len(self.sizes))

    def merges(self) -> Merges:
        empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        kept, gone, similarity = zip(empty, *self.history, strict=True)
        return Merges(np.concatenate(kept), np.concatenate(gone), np.concatenate(similarity))
