"""The edges of a graph in the order of the levels at which clusters are merged down to them."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from grouping.clustering.cluster_pairs import ClusterPairs, concatenated, no_pairs
from grouping.cores import usable_cores
from grouping.records import Int64
from grouping.similarity.cosine_graph import CosineGraph
from grouping.similarity.edge_search import Part
from grouping.similarity.pair_sets import ordered_ends

# Clusters are merged down to these similarities in turn: multiples of LEVEL_STEP from LEVELS_FROM
# of the way from the threshold to 1, and the threshold. The result is the same with any: at a high
# level few edges take part in the rounds of merging, and at the next there are fewer clusters and
# fewer edges.
LEVELS_FROM = 0.65
LEVEL_STEP = 1 / 32  # a power of two, so that dividing by it rounds nothing

# Edges of the graph sorted at a time. What is made of those of one level stays in the
# processor's cache.
EDGE_CHUNK = 2**19


class EdgesByLevel:
    """Edges, each at the first level that it reaches.

    Args:
        graph: **its edges are put into another order where they are**, a copy of all is large. It
            stays the same graph: an edge keeps its row, its column and its similarity.
        threshold: the last level, which all of them reach.

    Attributes:
        levels: from the highest to the threshold.
    """

    def __init__(self, graph: CosineGraph, threshold: float) -> None:
        top = math.ceil((threshold + LEVELS_FROM * (1 - threshold)) / LEVEL_STEP)
        last = math.floor(threshold / LEVEL_STEP)
        self.levels = [step * LEVEL_STEP for step in range(top, last, -1)] + [threshold]
        self._graph = graph
        chunks = range(0, len(graph), EDGE_CHUNK)

        def sort(start: int) -> Int64:
            """Sort a chunk by level; return (levels + 1,) int64, where each starts and all end."""
            columns = graph.rows, graph.cols, graph.similarity
            rows, cols, similarity = (column[start : start + EDGE_CHUNK] for column in columns)
            step = np.clip(np.floor(similarity / LEVEL_STEP), last, top)
            reached = (top - step).astype(np.uint8)
            order = np.argsort(reached, kind="stable")
            for column in (rows, cols, similarity):
                column[:] = column.take(order)
            counts = np.bincount(reached, minlength=len(self.levels))
            return np.asarray(start + np.append(0, np.cumsum(counts)))

        with ThreadPoolExecutor(usable_cores()) as pool:
            self._bounds = list(pool.map(sort, chunks))

    def parts(self, number: int) -> list[Part]:
        """Return the edges of a level, in parts of (e,) rows, columns and similarities."""
        graph = self._graph
        parts = (slice(bounds[number], bounds[number + 1]) for bounds in self._bounds)
        return [(graph.rows[part], graph.cols[part], graph.similarity[part]) for part in parts]

    def between(self, number: int, cluster_of: Int64, sizes: Int64) -> tuple[ClusterPairs, Int64]:
        """Return the pairs of clusters that an edge of a level joins.

        Args:
            number: of the level.
            cluster_of: (n,) int64, the cluster of each vertex.
            sizes: (n,) int64, vectors of each cluster.

        Returns:
            The pairs in which both are one vertex, with the total that their edge tells; and
            (k,) int64, keys ``low * n + high`` of the others, some more than once.
        """
        n = len(cluster_of)
        cluster_of_32 = cluster_of.astype(np.int32)
        is_single = np.bincount(cluster_of, minlength=n) == 1
        singles, others = [no_pairs()], [np.zeros(0, np.int64)]
        seen = SeenKeys(len(self._graph))
        for rows, cols, similarity in self.parts(number):
            one, other = cluster_of_32.take(rows), cluster_of_32.take(cols)
            across = np.flatnonzero(one != other)
            low, high = ordered_ends(one.take(across), other.take(across))
            both_single = is_single.take(low) & is_single.take(high)
            single_edges, other_edges = np.flatnonzero(both_single), np.flatnonzero(~both_single)
            keys = low.take(other_edges) * n + high.take(other_edges)
            others.append(seen.first_times(keys))
            low, high = low.take(single_edges), high.take(single_edges)
            mean = similarity.take(across.take(single_edges)).astype(np.float64)
            singles.append(ClusterPairs(low, high, mean * sizes.take(low) * sizes.take(high)))
        return concatenated(singles), np.concatenate(others)


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
        """Return keys without most of those that are there twice or have been asked for before.

        Args:
            keys: (m,) int64, not negative.

        Returns:
            (k,) int64, every different key that is new at least once.
        """
        place = (keys.view(np.uint64) * self.FACTOR >> self._shift).view(np.int64)
        new = np.flatnonzero(self._last.take(place) != keys)
        keys, place = keys.take(new), place.take(new)
        number = np.arange(len(keys), dtype=np.int32)
        self._last[place] = keys
        self._number[place] = number
        # Of equal keys the last one stays, and all that have lost their place to another.
        kept = (self._number.take(place) == number) | (self._last.take(place) != keys)
        different: Int64 = keys.compress(kept)
        return different
