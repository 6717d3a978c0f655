"""The pairs of clusters that average linkage keeps while clusters merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grouping.products import pair_products
from grouping.records import Float32, Float64, Int64

Index = npt.NDArray[np.intp]


@dataclass(eq=False)
class ClusterEdges:
    """Pairs of clusters that may still matter: those that reach the threshold, and cannot-links.

    ``total`` is the sum of similarities over all pairs of members, minus infinity where the
    pair is forbidden.
    """

    low: Int64
    high: Int64
    total: Float64

    def take(self, index: npt.NDArray[np.bool_] | Index) -> ClusterEdges:
        """Some of the pairs."""
        return ClusterEdges(self.low[index], self.high[index], self.total[index])


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


def distinct(keys: Int64) -> Int64:
    """The different keys, ascending."""
    keys = np.sort(keys)
    different: Int64 = keys[np.diff(keys, prepend=-1) != 0]
    return different


class SeenKeys:
    """Holds back most of the keys that have been there before, for less than sorting them.

    Each key has one place in a table, which the next key with the same place takes from it.

    Args:
        count: keys expected in all. The table does not grow beyond what a processor's cache holds.
    """

    MOST_BITS = 18
    # Multiplicative hashing with 2**64 over the golden ratio (Knuth, TAOCP 3, 6.4).
    FACTOR = np.uint64(0x9E3779B97F4A7C15)

    def __init__(self, count: int) -> None:
        bits = min(max(count, 1).bit_length(), self.MOST_BITS)
        self._shift = np.uint64(64 - bits)
        self._last = np.full(1 << bits, -1, np.int64)
        self._number = np.zeros(1 << bits, np.int32)

    def first_times(self, keys: Int64) -> Int64:
        """Keys, not negative, without most of those that are there twice or have been before."""
        place = keys.view(np.uint64) * self.FACTOR >> self._shift
        new = np.flatnonzero(self._last[place] != keys)
        keys, place = keys[new], place[new]
        number = np.arange(len(keys), dtype=np.int32)
        self._last[place] = keys
        self._number[place] = number
        # Of equal keys the last one stays, and all that have lost their place to another.
        kept = (self._number[place] == number) | (self._last[place] != keys)
        different: Int64 = keys[kept]
        return different


def contains(keys: Int64, asked: Int64) -> npt.NDArray[np.bool_]:
    """Which of those asked for are among ``keys``, which are ascending."""
    if not len(keys):
        return np.zeros(len(asked), bool)
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.asarray(keys[place] == asked)


def ordered(rows: npt.NDArray[np.integer], cols: npt.NDArray[np.integer]) -> tuple[Int64, Int64]:
    """The two ends of each pair, the smaller first."""
    return (
        np.minimum(rows, cols).astype(np.int64, copy=False),
        np.maximum(rows, cols).astype(np.int64, copy=False),
    )


def renumbered(edges: ClusterEdges, n: int) -> tuple[Int64, ClusterEdges]:
    """The clusters of some edges, ascending, and the edges between their places there."""
    used = np.zeros(n, bool)
    used[edges.low] = used[edges.high] = True
    vertex = np.flatnonzero(used)
    place = np.cumsum(used) - 1
    return vertex, ClusterEdges(place[edges.low], place[edges.high], edges.total)


def prune(edges: ClusterEdges, sizes: Int64, level: float) -> tuple[ClusterEdges, Float64]:
    """Drop pairs below the level, and cannot-links of clusters that are finished; the means."""
    mean = edges.total / (sizes[edges.low] * sizes[edges.high])
    alive = mean >= level
    growing = np.zeros(len(sizes), bool)
    growing[edges.low[alive]] = True
    growing[edges.high[alive]] = True
    forbids = np.isneginf(mean) & growing[edges.low] & growing[edges.high]
    keep = alive | forbids
    return edges.take(keep), mean[keep]


def reciprocal_best(edges: ClusterEdges, mean: Float64) -> Index:
    """Edges whose two ends are each other's most similar cluster; no cluster twice."""
    n = int(edges.high.max(initial=-1)) + 1
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


def contract(
    edges: ClusterEdges, kept: Int64, gone: Int64, sums: Float32, vertex: Int64
) -> ClusterEdges:
    """The edges after each ``gone`` has become part of its ``kept``.

    Args:
        edges: between clusters, named by their place in ``vertex``.
        kept, gone: (m,) places of the clusters merged; none is there twice.
        sums: (n, d) float32, the sums of vectors after the merge.
        vertex: for each place the row of ``sums``.
    """
    n = len(vertex)
    name = np.arange(n)
    name[gone] = kept
    parts = np.ones(n, np.int8)
    parts[kept] = 2
    low, high = ordered(name[edges.low], name[edges.high])
    dirty = (parts[low] == 2) | (parts[high] == 2)
    moved = dirty & (low != high)
    summed, count = sum_parallel(ClusterEdges(low[moved], high[moved], edges.total[moved]), n)
    partial = count < parts[summed.low] * parts[summed.high]
    ask = np.flatnonzero(partial & (summed.total > -np.inf))
    rows, cols = vertex[summed.low[ask]], vertex[summed.high[ask]]
    summed.total[ask] = pair_products(sums, sums, rows, cols)
    return joined([edges.take(~dirty), summed])


def sum_parallel(edges: ClusterEdges, n: int) -> tuple[ClusterEdges, Int64]:
    """Edges between the same two clusters added up, and how many made each."""
    key = edges.low * n + edges.high
    order = np.argsort(key)
    key = key[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else order
    count = np.diff(np.append(starts, len(key)))
    total = np.add.reduceat(edges.total[order], starts) if len(key) else edges.total
    first = order[starts]
    return ClusterEdges(edges.low[first], edges.high[first], total), count
