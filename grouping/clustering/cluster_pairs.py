"""The pairs of clusters that average linkage keeps while clusters merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grouping.records import Float32, Float64, Int64
from grouping.similarity.inner_products import pair_products
from grouping.similarity.pair_sets import Index, ordered_ends, sorted_order


@dataclass(eq=False)
class ClusterEdges:
    """Pairs of clusters that may still matter: those that reach the threshold, and cannot-links.

    Attributes:
        low, high: the two clusters, ``low < high``.
        total: sum of similarities over all pairs of members, minus infinity where the pair of
            clusters is forbidden.
    """

    low: Int64
    high: Int64
    total: Float64

    def take(self, index: Index) -> ClusterEdges:
        """Some of the pairs, by their numbers."""
        return ClusterEdges(self.low.take(index), self.high.take(index), self.total.take(index))


def no_edges() -> ClusterEdges:
    """No pairs."""
    return ClusterEdges(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def joined(parts: Sequence[ClusterEdges]) -> ClusterEdges:
    """The pairs of all parts, one part after the other."""
    return ClusterEdges(
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.total for part in parts]),
    )


def reaching(edges: ClusterEdges, sizes: Int64, level: float) -> tuple[ClusterEdges, Float64]:
    """The pairs that reach the level and the cannot-links, and the mean similarity of each.

    Args:
        edges: between clusters of any names.
        sizes: of each cluster, by its name.
        level: smallest mean similarity.
    """
    mean = edges.total / (sizes.take(edges.low) * sizes.take(edges.high))
    keep = np.flatnonzero((mean >= level) | np.isneginf(mean))
    return edges.take(keep), mean.take(keep)


def compacted(edges: ClusterEdges, mean: Float64, n: int) -> tuple[Int64, ClusterEdges, Float64]:
    """The edges that can still matter, between clusters numbered without gaps.

    Cannot-links of a cluster that no other edge leads to are left out.

    Returns:
        The clusters left, ascending, by their names until now; edges between their places
        there; and the means of these.
    """
    free = np.flatnonzero(mean > -np.inf)
    used = np.zeros(n, bool)
    used[edges.low.take(free)] = used[edges.high.take(free)] = True
    keep = np.flatnonzero(used.take(edges.low) & used.take(edges.high))
    edges, place = edges.take(keep), np.cumsum(used) - 1
    renamed = ClusterEdges(place.take(edges.low), place.take(edges.high), edges.total)
    return np.flatnonzero(used), renamed, mean.take(keep)


def reciprocal_best(edges: ClusterEdges, mean: Float64) -> Index:
    """Edges whose two ends are each other's most similar cluster; no cluster twice."""
    n = int(edges.high.max(initial=-1)) + 1
    best = np.full(n, -np.inf)
    np.maximum.at(best, edges.low, mean)
    np.maximum.at(best, edges.high, mean)
    mutual = np.flatnonzero(
        (mean > -np.inf) & (mean == best.take(edges.low)) & (mean == best.take(edges.high))
    )
    # Among equals the pair of smallest vertices goes first.
    low, high = edges.low.take(mutual), edges.high.take(mutual)
    key = low * n + high
    first = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(first, low, key)
    np.minimum.at(first, high, key)
    return mutual.compress((first.take(low) == key) & (first.take(high) == key))


def contract(
    edges: ClusterEdges, kept: Int64, gone: Int64, sums: Float32, vertex: Int64
) -> tuple[Index, ClusterEdges]:
    """What becomes of the edges when each ``gone`` becomes part of its ``kept``.

    Args:
        edges: between clusters, named by their place in ``vertex``.
        kept, gone: (m,) places of the clusters merged; none is there twice.
        sums: (n, d) float32, the sums of vectors after the merge.
        vertex: for each place the row of ``sums``.

    Returns:
        The numbers of the edges that stay as they are, and the edges of the merged clusters.
    """
    n = len(vertex)
    merged = np.zeros(n, bool)
    merged[kept] = merged[gone] = True
    changes = merged.take(edges.low) | merged.take(edges.high)
    changing = edges.take(np.flatnonzero(changes))
    name = np.arange(n)
    name[gone] = kept
    low, high = ordered_ends(name.take(changing.low), name.take(changing.high))
    across = np.flatnonzero(low != high)
    moved = ClusterEdges(low.take(across), high.take(across), changing.total.take(across))
    summed, count = sum_parallel(moved, n)
    whole = (1 + merged.take(summed.low)) * (1 + merged.take(summed.high))
    ask = np.flatnonzero((count < whole) & (summed.total > -np.inf))
    rows, cols = vertex.take(summed.low.take(ask)), vertex.take(summed.high.take(ask))
    summed.total[ask] = pair_products(sums, sums, rows, cols)
    return np.flatnonzero(~changes), summed


def sum_parallel(edges: ClusterEdges, n: int) -> tuple[ClusterEdges, Int64]:
    """Edges between the same two clusters added up, and how many made each."""
    key = edges.low * n + edges.high
    order = sorted_order(key)
    key = key.take(order)
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    count = np.diff(starts, append=len(key))
    total = np.add.reduceat(edges.total.take(order), starts) if len(key) else edges.total
    first = order.take(starts)
    return ClusterEdges(edges.low.take(first), edges.high.take(first), total), count
