"""The pairs of clusters that average linkage keeps while clusters merge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grouping.candidates import pair_products
from grouping.records import Float32, Int64

Float64 = npt.NDArray[np.float64]
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

    def join(self, other: ClusterEdges) -> ClusterEdges:
        """These pairs, then those of the other."""
        return ClusterEdges(
            np.concatenate([self.low, other.low]),
            np.concatenate([self.high, other.high]),
            np.concatenate([self.total, other.total]),
        )


def ordered(rows: npt.NDArray[np.integer], cols: npt.NDArray[np.integer]) -> tuple[Int64, Int64]:
    """The two ends of each pair, the smaller first."""
    return (
        np.minimum(rows, cols).astype(np.int64, copy=False),
        np.maximum(rows, cols).astype(np.int64, copy=False),
    )


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


def reciprocal_best(edges: ClusterEdges, mean: Float64, n: int) -> Index:
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


def contract(edges: ClusterEdges, kept: Int64, gone: Int64, sums: Float32) -> ClusterEdges:
    """The edges after each ``gone`` has become part of its ``kept``."""
    n = len(sums)
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
    summed.total[ask] = pair_products(sums, sums, summed.low[ask], summed.high[ask])
    return edges.take(~dirty).join(summed)


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
