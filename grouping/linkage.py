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
* Where one of two edges that become one has been dropped, the similarity of the new pair is
  computed from the sums of vectors; nothing is estimated.

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

from grouping.records import Float32, Int64

Float64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

# Asked before clusters merge: (sums, sizes, low, high, similarity) -> one bool a pair.
Accept = Callable[[Float32, Int64, Int64, Int64, Float64], npt.NDArray[np.bool_]]

# The similarities down to which clusters are merged in turn, as shares of the way from the
# threshold to 1. The result is the same with any: at a high level few edges take part in the
# rounds of merging, and at the next there are fewer clusters and fewer edges.
LEVELS = (0.4, 0.2, 0.08, 0.0)

# Pairs of summed vectors multiplied at once: keeps the gathered rows in cache.
PAIR_CHUNK = 1024


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
        return _topmost(root)


@dataclass(eq=False)
class _Edges:
    """Pairs of clusters that may still matter: those that reach the threshold, and cannot-links.

    ``total`` is the sum of similarities over all pairs of members, minus infinity where the
    pair is forbidden.
    """

    low: Int64
    high: Int64
    total: Float64

    def take(self, index: npt.NDArray[np.bool_] | Index) -> _Edges:
        return _Edges(self.low[index], self.high[index], self.total[index])

    def join(self, other: _Edges) -> _Edges:
        return _Edges(
            np.concatenate([self.low, other.low]),
            np.concatenate([self.high, other.high]),
            np.concatenate([self.total, other.total]),
        )


def average_linkage(
    sums: Float32,
    sizes: Int64,
    edges: tuple[npt.NDArray[np.integer], npt.NDArray[np.integer], npt.NDArray[np.floating]],
    cannot_link: tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]],
    threshold: float,
    accept: Accept | None = None,
) -> Merges:
    """Merge clusters until no allowed pair has a mean similarity of ``threshold``.

    Ties are broken by the numbers of the vertices, the smallest first.

    Args:
        sums: (n, d) float32, the sum of the unit vectors of each vertex (its vector, where a
            vertex is one face). Overwritten.
        sizes: (n,) int64, how many vectors each sum holds. Overwritten.
        edges: rows, columns and mean similarity of all pairs of vertices that reach
            ``threshold``.
        cannot_link: rows and columns of vertices that must not share a cluster.
        threshold: smallest mean similarity of a merge.
        accept: whether clusters that are each other's most similar may merge; a pair refused
            is a cannot-link from then on. By default all may.
    """
    n = len(sizes)
    weight = sizes[edges[0]] * sizes[edges[1]]
    graph = _Edges(*_ordered(edges[0], edges[1]), edges[2].astype(np.float64) * weight)
    blocked = _Edges(*_ordered(*cannot_link), np.full(len(cannot_link[0]), -np.inf))
    waiting = _sum_parallel(graph.join(blocked), n)[0]
    run = _Run(sums, sizes, accept)
    for share in LEVELS:
        waiting, mean = _prune(waiting, run.mean(waiting), threshold, n)
        if not len(waiting.low):
            break
        level = threshold + share * (1 - threshold)
        done = len(run.history)
        run.merge(_prune(waiting, mean, level, n)[0], level)
        waiting = _contract(waiting.join(run.refusals()), run.history[done:], sums)
    return run.merges()


class _Run:
    """The clusters as they grow, and what was merged."""

    def __init__(self, sums: Float32, sizes: Int64, accept: Accept | None) -> None:
        self.sums, self.sizes, self.accept = sums, sizes, accept
        self.history: list[tuple[Int64, Int64, Float64]] = []
        self._refused: list[tuple[Int64, Int64]] = []

    def mean(self, edges: _Edges) -> Float64:
        """Mean similarity of each pair of clusters."""
        return edges.total / (self.sizes[edges.low] * self.sizes[edges.high])

    def merge(self, active: _Edges, level: float) -> None:
        """Merge until no allowed pair reaches ``level``; ``active`` holds all that do."""
        n = len(self.sizes)
        while True:
            active, mean = _prune(active, self.mean(active), level, n)
            if not len(mean):
                return
            chosen = self._accepted(active, mean, _reciprocal_best(active, mean, n))
            low, high = active.low[chosen], active.high[chosen]
            self.history.append((low, high, mean[chosen]))
            self.sums[low] += self.sums[high]
            self.sizes[low] += self.sizes[high]
            active = _contract(active, self.history[-1:], self.sums)

    def _accepted(self, active: _Edges, mean: Float64, chosen: Index) -> Index:
        if self.accept is None:
            return chosen
        low, high = active.low[chosen], active.high[chosen]
        good = self.accept(self.sums, self.sizes, low, high, mean[chosen])
        active.total[chosen[~good]] = -np.inf
        self._refused.append((low[~good], high[~good]))
        return chosen[good]

    def refusals(self) -> _Edges:
        """The pairs refused since this was last asked, as cannot-links."""
        low = np.concatenate([np.zeros(0, np.int64), *(r[0] for r in self._refused)])
        high = np.concatenate([np.zeros(0, np.int64), *(r[1] for r in self._refused)])
        self._refused.clear()
        return _Edges(low, high, np.full(len(low), -np.inf))

    def merges(self) -> Merges:
        empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        kept, gone, similarity = zip(empty, *self.history, strict=True)
        return Merges(np.concatenate(kept), np.concatenate(gone), np.concatenate(similarity))


def _ordered(rows: npt.NDArray[np.integer], cols: npt.NDArray[np.integer]) -> tuple[Int64, Int64]:
    return (
        np.minimum(rows, cols).astype(np.int64, copy=False),
        np.maximum(rows, cols).astype(np.int64, copy=False),
    )


def _prune(edges: _Edges, mean: Float64, threshold: float, n: int) -> tuple[_Edges, Float64]:
    """Drop pairs below the threshold, and cannot-links of clusters that are finished."""
    alive = mean >= threshold
    growing = np.zeros(n, bool)
    growing[edges.low[alive]] = True
    growing[edges.high[alive]] = True
    forbids = np.isneginf(mean) & growing[edges.low] & growing[edges.high]
    keep = alive | forbids
    return edges.take(keep), mean[keep]


def _reciprocal_best(edges: _Edges, mean: Float64, n: int) -> Index:
    """Edges whose two ends are each other's most similar cluster; no cluster twice."""
    best = np.full(n, -np.inf)
    np.maximum.at(best, edges.low, mean)
    np.maximum.at(best, edges.high, mean)
    mutual = np.flatnonzero(
        (mean > -np.inf) & (mean == best[edges.low]) & (mean == best[edges.high])
    )
    # Among equals the pair of smallest vertices goes first.
    key = edges.low[mutual] * n + edges.high[mutual]
    first = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(first, edges.low[mutual], key)
    np.minimum.at(first, edges.high[mutual], key)
    unrivalled = (first[edges.low[mutual]] == key) & (first[edges.high[mutual]] == key)
    return np.asarray(mutual[unrivalled])


def _topmost(parent: Int64) -> Int64:
    """For each entry of a forest its root."""
    while not np.array_equal(above := parent[parent], parent):
        parent = above
    return parent


def _contract(
    edges: _Edges, merged: Sequence[tuple[Int64, Int64, Float64]], sums: Float32
) -> _Edges:
    """The edges after these merges, where all were between the same clusters before."""
    n = len(sums)
    name = np.arange(n)
    parts = np.ones(n, np.int64)
    for kept, gone, _ in merged:
        name[gone] = kept
        parts[kept] += parts[gone]
    name = _topmost(name)
    low, high = _ordered(name[edges.low], name[edges.high])
    dirty = (parts[low] > 1) | (parts[high] > 1)
    moved = dirty & (low != high)
    summed, count = _sum_parallel(_Edges(low[moved], high[moved], edges.total[moved]), n)
    ask = np.flatnonzero(
        (count < parts[summed.low] * parts[summed.high]) & (summed.total > -np.inf)
    )
    summed.total[ask] = _sum_products(sums, summed.low[ask], summed.high[ask])
    return edges.take(~dirty).join(summed)


def _sum_parallel(edges: _Edges, n: int) -> tuple[_Edges, Int64]:
    """Edges between the same two clusters added up, and how many made each."""
    key = edges.low * n + edges.high
    order = np.argsort(key)
    key = key[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else order
    count = np.diff(np.append(starts, len(key)))
    total = np.add.reduceat(edges.total[order], starts) if len(key) else edges.total
    first = order[starts]
    return _Edges(edges.low[first], edges.high[first], total), count


def _sum_products(sums: Float32, rows: Int64, cols: Int64) -> Float64:
    totals = np.empty(len(rows))
    for start in range(0, len(rows), PAIR_CHUNK):
        part = slice(start, start + PAIR_CHUNK)
        totals[part] = np.einsum("ij,ij->i", sums[rows[part]], sums[cols[part]])
    return totals
