"""Vectors to their sparse similarity graph: every pair at or above a threshold, exactly.

The pairs are found block by block with a half-precision matrix product and settled in higher
precision inside the same loop, so the full n x n matrix never exists: memory is the vectors,
a few blocks and the edges.

Why it is exact: rounding a vector to bfloat16 (8 significant bits) moves each entry by at most
``u = 2**-8`` of itself, so by Cauchy-Schwarz the product of two vectors of length <= 1 moves
by at most ``2u + u**2``, and rounding the result adds ``u``: together less than
``BF16_MARGIN``. Everything above ``threshold - BF16_MARGIN`` is computed again in float32, and
what then lies within ``FLOAT32_MARGIN`` of the threshold once more in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grouping.errors import GroupingError, InputError
from grouping.records import Float32, Int32

BF16_MARGIN = 2.0**-6
FLOAT32_MARGIN = 1e-5
BLOCK_ROWS = 4096
FEW_VECTORS = 10_000
# Pairs settled at once: two gathered arrays of this many rows of 512 floats stay in cache.
PAIR_CHUNK = 1024

Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


class GraphTooLargeError(GroupingError):
    """The graph has more edges than ``max_edges``."""


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
    """All pairs of vectors whose inner product is at least ``threshold``.

    Args:
        vectors: (n, d) float32, rows no longer than 1. For rows of unit length the inner
            product is the cosine similarity; for means of unit vectors it is the average
            similarity of the two sets.
        threshold: smallest similarity of an edge.
        precision: ``"bf16"`` or ``"float32"``, of the first pass; the edges are the same.
            ``"auto"`` takes float32 for few vectors, which spares the import of torch.
        max_edges: give up beyond this many, which bounds the memory.
        block_rows: rows of one block; the product of two blocks is in memory at a time.

    Raises:
        InputError: vectors that are zero, not finite or not float32; an unknown precision.
        GraphTooLargeError: there are more than ``max_edges`` edges.
    """
    check_vectors(vectors)
    if precision not in ("auto", "bf16", "float32"):
        raise InputError(f'precision must be "auto", "bf16" or "float32", got {precision!r}')
    if precision == "auto":
        precision = "bf16" if len(vectors) > FEW_VECTORS else "float32"
    found: list[tuple[Int32, Int32, Float32]] = []
    count = 0
    for part in _edges_by_block(vectors, threshold, precision, block_rows):
        count += len(part[0])
        if max_edges is not None and count > max_edges:
            raise GraphTooLargeError(f"more than {max_edges} pairs reach {threshold}")
        found.append(part)
    return CosineGraph(
        len(vectors),
        np.concatenate([np.zeros(0, np.int32), *(p[0] for p in found)]),
        np.concatenate([np.zeros(0, np.int32), *(p[1] for p in found)]),
        np.concatenate([np.zeros(0, np.float32), *(p[2] for p in found)]),
    )


def _edges_by_block(
    vectors: Float32, threshold: float, precision: str, block_rows: int
) -> Iterator[tuple[Int32, Int32, Float32]]:
    candidates = _BF16Candidates if precision == "bf16" else _Float32Candidates
    search = candidates(vectors, threshold, block_rows)
    starts = range(0, len(vectors), block_rows)
    for i in starts:
        for j in starts:
            if j < i:
                continue
            rows, cols = search.block(i, j)
            if i == j:
                upper = rows < cols
                rows, cols = rows[upper], cols[upper]
            yield _settle(vectors, rows + i, cols + j, threshold)


def _settle(
    vectors: Float32, rows: npt.NDArray[np.intp], cols: npt.NDArray[np.intp], threshold: float
) -> tuple[Int32, Int32, Float32]:
    """The candidate pairs that do reach the threshold, with their similarity."""
    similarity = pair_similarity(vectors, rows, cols)
    near = np.flatnonzero(np.abs(similarity - threshold) < FLOAT32_MARGIN)
    keep = similarity >= threshold
    precise = np.einsum(
        "ij,ij->i", vectors[rows[near]].astype(np.float64), vectors[cols[near]].astype(np.float64)
    )
    keep[near] = precise >= threshold
    return (
        rows[keep].astype(np.int32),
        cols[keep].astype(np.int32),
        similarity[keep],
    )


def pair_similarity(
    vectors: Float32, rows: npt.NDArray[np.integer], cols: npt.NDArray[np.integer]
) -> Float32:
    """(e,) float32, the inner product of each pair of rows.

    Each product is computed alone, so it does not depend on which other pairs are asked for.
    """
    similarity = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), PAIR_CHUNK):
        part = slice(start, start + PAIR_CHUNK)
        np.einsum("ij,ij->i", vectors[rows[part]], vectors[cols[part]], out=similarity[part])
    return similarity


class _Float32Candidates:
    """Candidates by a float32 product."""

    def __init__(self, vectors: Float32, threshold: float, block_rows: int) -> None:
        self._vectors = vectors
        self._cut = threshold - FLOAT32_MARGIN
        self._block_rows = block_rows

    def block(self, i: int, j: int) -> Pairs:
        x = self._vectors[i : i + self._block_rows]
        y = self._vectors[j : j + self._block_rows]
        return _where(x @ y.T >= self._cut)


class _BF16Candidates:
    """Candidates by a bfloat16 product."""

    def __init__(self, vectors: Float32, threshold: float, block_rows: int) -> None:
        import torch

        self._torch = torch
        self._vectors = torch.from_numpy(vectors).to(torch.bfloat16)
        self._cut = torch.tensor(threshold - BF16_MARGIN, dtype=torch.bfloat16)
        self._block_rows = block_rows

    def block(self, i: int, j: int) -> Pairs:
        x = self._vectors[i : i + self._block_rows]
        y = self._vectors[j : j + self._block_rows]
        product = x @ y.T
        if self._cut <= 0:
            return _where((product >= self._cut).numpy())
        # Positive bfloat16 numbers are ordered as the integers of the same bits and negative
        # ones are negative integers; numpy compares those ten times as fast.
        bits = product.view(self._torch.int16).numpy()
        return _where(bits >= int(self._cut.view(self._torch.int16)))


def _where(mask: npt.NDArray[np.bool_]) -> Pairs:
    """Row and column of every true entry; on a sparse mask faster than ``np.nonzero``."""
    rows, cols = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return rows, cols
