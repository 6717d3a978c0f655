"""The edges of a graph in the order of the levels at which clusters are merged down to them."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from grouping.clustering.cluster_pairs import ClusterEdges, joined, no_edges
from grouping.records import Int64
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

# Rows, columns and similarities of a graph.
Similarities = tuple[npt.NDArray[np.integer], npt.NDArray[np.integer], npt.NDArray[np.floating]]


class EdgesByLevel:
    """Edges, each at the first level that it reaches.

    Args:
        edges: rows, columns and similarity. **They are put into another order where they are**:
            a copy of all edges is large.
        threshold: the last level, which all of them reach.

    Attributes:
        levels: from the highest to the threshold.
    """

    def __init__(self, edges: Similarities, threshold: float) -> None:
        top = math.ceil((threshold + LEVELS_FROM * (1 - threshold)) / LEVEL_STEP)
        last = math.floor(threshold / LEVEL_STEP)
        self.levels = [step * LEVEL_STEP for step in range(top, last, -1)] + [threshold]
        self._edges = edges
        chunks = range(0, len(edges[2]), EDGE_CHUNK)

        def sort(start: int) -> npt.NDArray[np.intp]:
            """Where in its order each level of a chunk starts, and the last one ends."""
            rows, cols, similarity = (column[start : start + EDGE_CHUNK] for column in edges)
            step = np.clip(np.floor(similarity / LEVEL_STEP), last, top)
            reached = (top - step).astype(np.uint8)
            order = np.argsort(reached, kind="stable")
            for column in (rows, cols, similarity):
                column[:] = column.take(order)
            counts = np.bincount(reached, minlength=len(self.levels))
            return np.asarray(start + np.append(0, np.cumsum(counts)))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self._bounds = list(pool.map(sort, chunks))

    def parts(self, number: int) -> list[Similarities]:
        """The edges of a level, in parts."""
        rows, cols, similarity = self._edges
        parts = (slice(bounds[number], bounds[number + 1]) for bounds in self._bounds)
        return [(rows[part], cols[part], similarity[part]) for part in parts]

    def between(self, number: int, name: Int64, sizes: Int64) -> tuple[ClusterEdges, Int64]:
        """The clusters joined by an edge of a level.

        Args:
            number: of the level.
            name: (n,) the cluster of each vertex.
            sizes: (n,) vectors of each cluster.

        Returns:
            Those that are one vertex each, with the sum that their edge tells, and keys
            ``low * n + high`` of the others, some more than once.
        """
        n = len(name)
        short = name.astype(np.int32)
        alone = np.bincount(name, minlength=n) == 1
        single, others = [no_edges()], [np.zeros(0, np.int64)]
        seen = SeenKeys(len(self._edges[0]))
        for rows, cols, similarity in self.parts(number):
            one, other = short.take(rows), short.take(cols)
            across = np.flatnonzero(one != other)
            low, high = ordered_ends(one.take(across), other.take(across))
            both = alone.take(low) & alone.take(high)
            told, rest = np.flatnonzero(both), np.flatnonzero(~both)
            others.append(seen.first_times(low.take(rest) * n + high.take(rest)))
            low, high = low.take(told), high.take(told)
            mean = similarity.take(across.take(told)).astype(np.float64)
            single.append(ClusterEdges(low, high, mean * sizes.take(low) * sizes.take(high)))
        return joined(single), np.concatenate(others)


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
