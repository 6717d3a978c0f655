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

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grouping.edges import (
    ClusterEdges,
    Index,
    SeenKeys,
    contains,
    contract,
    distinct,
    joined,
    no_edges,
    ordered,
    prune,
    reciprocal_best,
    renumbered,
)
from grouping.products import pair_products
from grouping.records import Float32, Float64, Int64

# Asked before clusters merge: (inner, sizes, low, high, similarity) -> one bool a pair, where
# ``inner`` is the sum of the similarities of all pairs of vectors within each cluster.
Accept = Callable[[Float64, Int64, Int64, Int64, Float64], npt.NDArray[np.bool_]]

# Clusters are merged down to these similarities in turn: multiples of LEVEL_STEP from LEVELS_FROM
# of the way from the threshold to 1, and the threshold. The result is the same with any: at a high
# level few edges take part in the rounds of merging, and at the next there are fewer clusters and
# fewer edges.
LEVELS_FROM = 0.65
LEVEL_STEP = 1 / 32  # a power of two, so that dividing by it rounds nothing

# Rows, columns and similarities of a graph.
Similarities = tuple[npt.NDArray[np.integer], npt.NDArray[np.integer], npt.NDArray[np.floating]]

# Edges of the graph looked at at a time: what is made of them stays in the processor's cache.
EDGE_CHUNK = 2**17


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
            ``threshold``.
        cannot_link: rows and columns of vertices that must not share a cluster.
        threshold: smallest mean similarity of a merge.
        accept: whether clusters that are each other's most similar may merge; a pair refused
            is a cannot-link from then on. By default all may.
    """
    run = _Run(sums, sizes, accept)
    apart = [ordered(*cannot_link)]
    pairs = no_edges()
    try:
        levels, reached = _levels(edges[2], threshold)
        for number, level in enumerate(levels):
            name = run.roots()
            found = _found_between(reached, number, edges, name, run.sizes)
            pairs = _pairs_now(pairs, found, name, run.take_grown(), sums)
            run.merge(_with_cannot_links(pairs, apart, name), level)
            apart.append(run.take_refused())
    finally:
        run.restore_sums()
    return run.merges()


def _levels(
    similarity: npt.NDArray[np.floating], threshold: float
) -> tuple[list[float], npt.NDArray[np.uint8]]:
    """The levels, from the highest, and for each edge the number of the first that it reaches."""
    top = math.ceil((threshold + LEVELS_FROM * (1 - threshold)) / LEVEL_STEP)
    last = math.floor(threshold / LEVEL_STEP)
    levels = [step * LEVEL_STEP for step in range(top, last, -1)] + [threshold]
    reached = np.empty(len(similarity), np.uint8)
    for start in range(0, len(similarity), EDGE_CHUNK):
        part = slice(start, start + EDGE_CHUNK)
        reached[part] = top - np.clip(np.floor(similarity[part] / LEVEL_STEP), last, top)
    return levels, reached


def _found_between(
    reached: npt.NDArray[np.uint8], number: int, edges: Similarities, name: Int64, sizes: Int64
) -> tuple[ClusterEdges, Int64]:
    """The clusters joined by an edge of the graph that reaches this level first.

    Args:
        reached: for each edge the first level that it reaches.
        number: of this level.
        edges: of the graph.
        name: (n,) the cluster of each vertex.
        sizes: (n,) vectors of each cluster.

    Returns:
        Those that are one vertex each, with the sum that their edge tells, and keys
        ``low * n + high`` of the others, some more than once.
    """
    n = len(name)
    rows, cols, similarity = edges
    short = name.astype(np.int32)
    alone = np.bincount(name, minlength=n) == 1
    single, others = [no_edges()], [np.zeros(0, np.int64)]
    seen = SeenKeys(len(rows))
    for start in range(0, len(rows), EDGE_CHUNK):
        here = start + np.flatnonzero(reached[start : start + EDGE_CHUNK] == number)
        one, other = short[rows[here]], short[cols[here]]
        across = np.flatnonzero(one != other)
        low, high = ordered(one[across], other[across])
        both = alone[low] & alone[high]
        others.append(seen.first_times(low[~both] * n + high[~both]))
        low, high = low[both], high[both]
        total = similarity[here[across[both]]].astype(np.float64) * sizes[low] * sizes[high]
        single.append(ClusterEdges(low, high, total))
    return joined(single), np.concatenate(others)


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
        found: what :func:`_found_between` found at this level.
        name: (n,) the cluster of each vertex.
        grown: (n,) whether the cluster has merged since ``before``.
        sums: (n, d) sum of the vectors of each cluster.
    """
    n = len(name)
    single, keys = found
    old = grown[name[before.low]] | grown[name[before.high]]
    low, high = ordered(name[before.low[old]], name[before.high[old]])
    apart = low != high
    known = before.take(~old)
    keys = distinct(np.concatenate([keys, (low * n + high)[apart]]))
    keys = keys[~contains(distinct(known.low * n + known.high), keys)]
    low, high = np.divmod(keys, n)
    total = pair_products(sums, sums, low, high).astype(np.float64)
    return joined([known, single, ClusterEdges(low, high, total)])


def _with_cannot_links(
    edges: ClusterEdges, apart: Sequence[tuple[Int64, Int64]], name: Int64
) -> ClusterEdges:
    """The edges, and a cannot-link wherever one is between the members of two clusters."""
    n = len(name)
    low, high = ordered(
        name[np.concatenate([pairs[0] for pairs in apart])],
        name[np.concatenate([pairs[1] for pairs in apart])],
    )
    keys = distinct(low * n + high)
    free = edges.take(~contains(keys, edges.low * n + edges.high))
    return joined([free, ClusterEdges(*np.divmod(keys, n), np.full(len(keys), -np.inf))])


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

    def merge(self, pairs: ClusterEdges, level: float) -> None:
        """Merge until no allowed pair reaches ``level``; ``pairs`` holds all that do."""
        # Clusters are numbered anew among those that take part, in the same order: a round
        # then costs nothing for all others.
        vertex, active = renumbered(pairs, len(self.sizes))
        while True:
            active, mean = prune(active, self.sizes[vertex], level)
            if not len(mean):
                return
            chosen = self._accepted(active, vertex, mean, reciprocal_best(active, mean))
            low, high = active.low[chosen], active.high[chosen]
            kept, gone = vertex[low], vertex[high]
            self.history.append((kept, gone, mean[chosen]))
            self.inner[kept] += self.inner[gone] + active.total[chosen]
            self._keep_originals(kept)
            self.sums[kept] += self.sums[gone]
            self.sizes[kept] += self.sizes[gone]
            self._grown[kept] = self._grown[gone] = True
            active = contract(active, low, high, self.sums, vertex)

    def _accepted(self, active: ClusterEdges, vertex: Int64, mean: Float64, chosen: Index) -> Index:
        if self.accept is None:
            return chosen
        low, high = vertex[active.low[chosen]], vertex[active.high[chosen]]
        good = self.accept(self.inner, self.sizes, low, high, mean[chosen])
        active.total[chosen[~good]] = -np.inf
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
