"""The cosine graph of vectors: every pair at or above a threshold, exactly.

The pairs are found block by block with a low-precision matrix product that misses none (see
:mod:`grouping.similarity.candidate_pairs`) and settled in the same loop: computed again in
float32, and what then lies within ``FLOAT32_MARGIN`` of the threshold once more in float64. The
full n x n matrix never exists: memory is the vectors, a copy in low precision, a block and the
edges.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grouping.errors import GraphTooLargeError, InputError
from grouping.records import Float32, Int32
from grouping.similarity.candidate_pairs import (
    FIRST_PASSES,
    FLOAT32_MARGIN,
    Candidates,
    Pairs,
    first_pass,
    single_core_threads,
)

# The product of two blocks stays in the cache of its core: larger ones take twice the time.
BLOCK_ROWS = 1024
# Of a block with a larger share of candidates the whole is computed again, which is then
# faster than pair by pair.
DENSE_SHARE = 0.01

# Rows (e,) int32, columns (e,) int32 and similarities (e,) float32 of some edges.
Part = tuple[Int32, Int32, Float32]


@dataclass(frozen=True, eq=False)
class CosineGraph:
    """An undirected graph without loops; every edge is held once.

    Attributes:
        n: number of vertices.
        rows, cols: (e,) int32, the ends of each edge, ``rows < cols``.
        similarity: (e,) float32.
    """

    n: int
    rows: Int32
    cols: Int32
    similarity: Float32

    def __len__(self) -> int:
        return len(self.rows)


def check_vectors(vectors: npt.NDArray[Any]) -> None:
    """Refuse what has no direction.

    Args:
        vectors: any array.

    Raises:
        InputError: not (n, d) float32, or a row that is zero, NaN or infinite.
    """
    if vectors.ndim != 2 or vectors.dtype != np.float32:
        raise InputError(
            f"vectors must be float32 of shape (n, d), got {vectors.dtype} of {vectors.shape}"
        )
    squares = np.einsum("ij,ij->i", vectors, vectors)
    bad = np.flatnonzero(~(np.isfinite(squares) & (squares > 0)))
    if len(bad):
        raise InputError(
            f"{len(bad)} of {len(vectors)} vectors are zero or not finite (first: row {bad[0]}); "
            "leave those faces out or embed them again"
        )


def cosine_graph(
    vectors: Float32,
    threshold: float,
    *,
    precision: str = "auto",
    max_edges: int | None = None,
    block_rows: int = BLOCK_ROWS,
) -> CosineGraph:
    """Return all pairs of vectors whose inner product is at least ``threshold``.

    Args:
        vectors: (n, d) float32, rows no longer than 1. For rows of unit length the inner
            product is the cosine similarity; for means of unit vectors it is the average
            similarity of the two sets.
        threshold: smallest similarity of an edge.
        precision: ``"int8"``, ``"bf16"`` or ``"float32"``, of the first pass; the edges are the
            same. ``"auto"`` is what is fastest here.
        max_edges: give up beyond this many, which bounds the memory.
        block_rows: rows of one block; the product of two blocks is in memory at a time.

    Raises:
        InputError: vectors that are zero, not finite or not float32; an unknown precision.
        GraphTooLargeError: there are more than ``max_edges`` edges.
    """
    check_vectors(vectors)
    if precision not in ("auto", *FIRST_PASSES):
        raise InputError(f"precision must be auto, {', '.join(FIRST_PASSES)}, got {precision!r}")
    search = _Search(
        vectors, threshold, first_pass(vectors, threshold, precision), block_rows, max_edges
    )
    found: list[Part] = []
    count = 0
    with closing(search.stripes()) as stripes:
        for stripe in stripes:
            count += len(stripe[0])
            if max_edges is not None and count > max_edges:
                raise GraphTooLargeError(f"more than {max_edges} pairs reach {threshold}")
            found.append(stripe)
    return CosineGraph(len(vectors), *_concatenated(found))


@dataclass(frozen=True, eq=False)
class _Search:
    """The search for the edges of one graph, block by block.

    Attributes:
        vectors: (n, d) float32, rows no longer than 1.
        threshold: smallest similarity of an edge.
        candidates: the first pass over these vectors.
        block_rows: rows of one block.
        max_edges: more than the caller takes.
    """

    vectors: Float32
    threshold: float
    candidates: Candidates
    block_rows: int
    max_edges: int | None

    def stripes(self) -> Generator[Part, None, None]:
        """Yield the edges, from the rows of one block at a time to all later rows."""
        starts = range(0, len(self.vectors), self.block_rows)
        if self.candidates.threads == 1:
            yield from map(self._stripe, starts)
            return
        with single_core_threads(self.candidates.threads) as pool:
            yield from pool.map(self._stripe, starts)

    def _stripe(self, first: int) -> Part:
        """Return the edges from the rows of the block that begins at ``first``."""
        found: list[Part] = []
        count = 0
        rows = slice(first, first + self.block_rows)
        for start in range(first, len(self.vectors), self.block_rows):
            cols = slice(start, start + self.block_rows)
            places = self.candidates.block(rows, cols)
            if start == first:
                upper = places[0] < places[1]
                places = places[0][upper], places[1][upper]
            i, j, similarity = self._settled(self.vectors[rows], self.vectors[cols], places)
            found.append((i + np.int32(first), j + np.int32(start), similarity))
            count += len(i)
            if self.max_edges is not None and count > self.max_edges:
                break  # the caller will see that
        return _concatenated(found)

    def _settled(self, x: Float32, y: Float32, places: Pairs) -> Part:
        """Return the candidate pairs of a block that do reach the threshold.

        Args:
            x: (r, d) float32, the vectors of the block's rows.
            y: (c, d) float32, those of its columns.
            places: the candidates.

        Returns:
            Row and column within the block, and similarity.
        """
        rows, cols = places
        if len(rows) > DENSE_SHARE * len(x) * len(y):
            similarity = (x @ y.T)[rows, cols]
        else:
            similarity = self.candidates.products(x, y, places)
        near = np.flatnonzero(np.abs(similarity - self.threshold) < FLOAT32_MARGIN)
        keep = similarity >= self.threshold
        precise = np.einsum(
            "ij,ij->i", x[rows[near]].astype(np.float64), y[cols[near]].astype(np.float64)
        )
        keep[near] = precise >= self.threshold
        return rows[keep].astype(np.int32), cols[keep].astype(np.int32), similarity[keep]


def _concatenated(parts: list[Part]) -> Part:
    """Return the edges of all parts, one part after the other."""
    return (
        np.concatenate([np.zeros(0, np.int32), *(p[0] for p in parts)]),
        np.concatenate([np.zeros(0, np.int32), *(p[1] for p in parts)]),
        np.concatenate([np.zeros(0, np.float32), *(p[2] for p in parts)]),
    )
