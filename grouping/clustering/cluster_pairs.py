"""The pairs of clusters that average linkage keeps while clusters merge.

Clusters are numbers here, of whatever numbering the caller uses; a pair is a smaller and a larger
number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grouping.records import Float32, Float64, Int64
from grouping.similarity.inner_products import PairProducts
from grouping.similarity.pair_sets import Index, ordered_ends, sorted_order


@dataclass(eq=False)
class ClusterPairs:
    """Pairs of clusters that may still matter: those that reach the threshold, and cannot-links.

    Attributes:
        low, high: (p,) int64, the two clusters, ``low < high``.
        total: (p,) float64, sum of similarities over all pairs of members, minus infinity where
            the pair of clusters is forbidden.
    """

    low: Int64
    high: Int64
    total: Float64

    def take(self, index: Index) -> ClusterPairs:
        """Return some of the pairs, by (k,) intp numbers."""
        return ClusterPairs(self.low.take(index), self.high.take(index), self.total.take(index))


def no_pairs() -> ClusterPairs:
    """Return an empty set of pairs, to begin with."""
    return ClusterPairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def concatenated(parts: Sequence[ClusterPairs]) -> ClusterPairs:
    """Return the pairs of all parts, one part after the other."""
    return ClusterPairs(
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.total for part in parts]),
    )


def at_or_above(pairs: ClusterPairs, sizes: Int64, level: float) -> tuple[ClusterPairs, Float64]:
    """Return the pairs that reach a level, and the cannot-links, with their mean similarity.

    Args:
        pairs: p of them.
        sizes: (n,) int64, vectors of each cluster.
        level: smallest mean similarity.

    Returns:
        k pairs, and (k,) float64, minus infinity for a cannot-link.
    """
    mean = pairs.total / (sizes.take(pairs.low) * sizes.take(pairs.high))
    keep = np.flatnonzero((mean >= level) | np.isneginf(mean))
    return pairs.take(keep), mean.take(keep)


def compacted(pairs: ClusterPairs, mean: Float64, n: int) -> tuple[Int64, ClusterPairs, Float64]:
    """Return the pairs that can still matter, their clusters numbered without gaps.

    Cannot-links of a cluster that is in no other pair are left out.

    Args:
        pairs: p of them.
        mean: (p,) float64, minus infinity for a cannot-link.
        n: clusters are below.

    Returns:
        (m,) int64, the clusters left, ascending, by their numbers until now; k pairs of places
        in that list; (k,) float64, the means of these.
    """
    free = np.flatnonzero(mean > -np.inf)
    used = np.zeros(n, bool)
    used[pairs.low.take(free)] = used[pairs.high.take(free)] = True
    keep = np.flatnonzero(used.take(pairs.low) & used.take(pairs.high))
    pairs, place = pairs.take(keep), np.cumsum(used) - 1
    renumbered = ClusterPairs(place.take(pairs.low), place.take(pairs.high), pairs.total)
    return np.flatnonzero(used), renumbered, mean.take(keep)


def reciprocal_best(pairs: ClusterPairs, mean: Float64) -> Index:
    """Return the pairs that are each other's most similar cluster; no cluster twice.

    Args:
        pairs: p of them.
        mean: (p,) float64, minus infinity for a cannot-link, which is never returned.

    Returns:
        (k,) intp, numbers of pairs, ascending.
    """
    n = int(pairs.high.max(initial=-1)) + 1
    best = np.full(n, -np.inf)
    np.maximum.at(best, pairs.low, mean)
    np.maximum.at(best, pairs.high, mean)
    mutual = np.flatnonzero(
        (mean > -np.inf) & (mean == best.take(pairs.low)) & (mean == best.take(pairs.high))
    )
    # Among equals the pair of smallest clusters goes first.
    low, high = pairs.low.take(mutual), pairs.high.take(mutual)
    key = low * n + high
    first = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(first, low, key)
    np.minimum.at(first, high, key)
    return mutual.compress((first.take(low) == key) & (first.take(high) == key))


def contract(
    pairs: ClusterPairs,
    merged_into: Int64,
    merged: Int64,
    sums: Float32,
    cluster_at: Int64,
    products: PairProducts,
) -> tuple[Index, ClusterPairs]:
    """Return what becomes of the pairs when clusters merge.

    Args:
        pairs: p pairs of places.
        merged_into, merged: (m,) int64, places; each of ``merged`` becomes part of the one of
            ``merged_into`` beside it. No place is there twice.
        sums: (n, d) float32, the sums of vectors of each cluster after the merge.
        cluster_at: (q,) int64, for each place the row of ``sums``.
        products: how inner products are made.

    Returns:
        (k,) intp, the numbers of the pairs that stay as they are; and the pairs of the clusters
        that have merged.
    """
    n = len(cluster_at)
    takes_part = np.zeros(n, bool)
    takes_part[merged_into] = takes_part[merged] = True
    changes = takes_part.take(pairs.low) | takes_part.take(pairs.high)
    changing = pairs.take(np.flatnonzero(changes))
    place = np.arange(n)
    place[merged] = merged_into
    low, high = ordered_ends(place.take(changing.low), place.take(changing.high))
    across = np.flatnonzero(low != high)
    moved = ClusterPairs(low.take(across), high.take(across), changing.total.take(across))
    summed, count = sum_duplicates(moved, n)
    # A union has as many pairs to a third cluster as it has parts. Where one of them is missing,
    # because it was dropped, the total is not the sum of those left: it is computed again.
    whole = (1 + takes_part.take(summed.low)) * (1 + takes_part.take(summed.high))
    ask = np.flatnonzero((count < whole) & (summed.total > -np.inf))
    rows, cols = cluster_at.take(summed.low.take(ask)), cluster_at.take(summed.high.take(ask))
    summed.total[ask] = products(sums, sums, rows, cols)
    return np.flatnonzero(~changes), summed


def sum_duplicates(pairs: ClusterPairs, n: int) -> tuple[ClusterPairs, Int64]:
    """Return each pair of clusters once, its totals added up, and how many made each.

    Args:
        pairs: p of them, some more than once.
        n: clusters are below.

    Returns:
        k pairs, ascending, and (k,) int64.
    """
    key = pairs.low * n + pairs.high
    order = sorted_order(key)
    key = key.take(order)
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    count = np.diff(starts, append=len(key))
    total = np.add.reduceat(pairs.total.take(order), starts) if len(key) else pairs.total
    first = order.take(starts)
    return ClusterPairs(pairs.low.take(first), pairs.high.take(first), total), count
