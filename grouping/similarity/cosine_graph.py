"""The cosine graph of vectors: every pair at or above a threshold, exactly.

The pairs are found block by block with a low-precision matrix product that misses none (see
:mod:`grouping.similarity.candidate_pairs`) and settled in the same loop: computed again in
float32, and what then lies within ``FLOAT32_MARGIN`` of the threshold once more in float64. The
full n x n matrix never exists: memory is the vectors, a copy in low precision, a block and the
edges.

Where a :class:`grouping.similarity.task_runner.TaskRunner` does tasks, the vectors are cut into
pieces, and each pair of pieces, a tile of the matrix, is a task: the same blocks, put together in
the same order.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import numpy.typing as npt

from grouping.errors import GraphTooLargeError, InputError
from grouping.records import Float32, Int32
from grouping.similarity.candidate_pairs import FIRST_PASSES, first_pass, single_core_threads
from grouping.similarity.edge_search import EdgeSearch, Part, Piece, concatenated_parts
from grouping.similarity.task_runner import TaskRunner, task_runner

# The product of two blocks stays in the cache of its core: larger ones take twice the time.
BLOCK_ROWS = 1024
# The graph of fewer vectors is made here, whoever else may do tasks: it takes some seconds.
FEW_TO_SPREAD = 30_000
# Tasks for each worker, so that none is left with much when the others are done.
TASKS_A_WORKER = 4


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
    whole = Piece(0, vectors, first_pass(vectors, threshold, precision))
    search = EdgeSearch(threshold, block_rows, max_edges)
    runner = task_runner()
    if runner is None or len(vectors) < FEW_TO_SPREAD:
        found = _from_stripes(search, whole)
    else:
        found = _from_tiles(search, whole, runner)
    return CosineGraph(len(vectors), *concatenated_parts(found))


def _from_stripes(search: EdgeSearch, whole: Piece) -> list[Part]:
    """Return the edges, found here from the rows of one block at a time to all later rows."""
    found: list[Part] = []
    count = 0
    with closing(_stripes(search, whole)) as stripes:
        for stripe in stripes:
            count = _checked(count + len(stripe[0]), search)
            found.append(stripe)
    return found


def _stripes(search: EdgeSearch, whole: Piece) -> Generator[Part, None, None]:
    """Yield the edges from each block of rows in turn."""

    def stripe(first: int) -> Part:
        return search.stripe(whole, whole, first)

    starts = range(0, len(whole), search.block_rows)
    if whole.candidates.threads == 1:
        yield from map(stripe, starts)
        return
    with single_core_threads(whole.candidates.threads) as pool:
        yield from pool.map(stripe, starts)


def _from_tiles(search: EdgeSearch, whole: Piece, runner: TaskRunner) -> list[Part]:
    """Return the edges in the order of :func:`_stripes`, found by tasks of one tile each."""
    step = _rows_of_piece(whole, runner, search.block_rows)
    starts = range(0, len(whole), step)
    pieces = [runner.share(whole.part(slice(start, start + step))) for start in starts]
    tiles = list(combinations_with_replacement(range(len(pieces)), 2))
    found: dict[tuple[int, int], list[Part]] = {}
    count = 0
    tasks = ((search, pieces[a], pieces[b]) for a, b in tiles)
    with closing(runner.run(EdgeSearch.tile, tasks)) as done:
        for place, blocks in done:
            count = _checked(count + sum(len(rows) for rows, _, _ in blocks), search)
            found[tiles[place]] = blocks
    return [
        found[a, b][block]
        for a in range(len(pieces))
        for block in range(len(found[a, a]))
        for b in range(a, len(pieces))
    ]


def _rows_of_piece(whole: Piece, runner: TaskRunner, block_rows: int) -> int:
    """Return how many rows a piece has: whole blocks, and pieces for tasks enough."""
    pieces = math.isqrt(2 * TASKS_A_WORKER * runner.workers) + 1  # p of them make p * p / 2 tiles
    row = 2 * whole.vectors[:1].nbytes  # the copy in low precision is no larger
    rows = min(-(-len(whole) // pieces), runner.piece_bytes // row)
    return max(1, rows // block_rows) * block_rows


def _checked(count: int, search: EdgeSearch) -> int:
    """Return the count of edges.

    Raises:
        GraphTooLargeError: it is more than the caller takes.
    """
    if search.max_edges is not None and count > search.max_edges:
        raise GraphTooLargeError(f"more than {search.max_edges} pairs reach {search.threshold}")
    return count
