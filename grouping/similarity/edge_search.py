"""The search for the edges of a graph, block by block, within one piece of the vectors or two.

What comes out for a block depends on nothing but its vectors and the cut: neither on the piece that
they are in nor on the threads beside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grouping.records import Float32, Int32
from grouping.similarity.candidate_pairs import FLOAT32_MARGIN, Candidates, Pairs

# Of a block with a larger share of candidates the whole is computed again, which is then
# faster than pair by pair.
DENSE_SHARE = 0.01

# Rows (e,) int32, columns (e,) int32 and similarities (e,) float32 of some edges.
Part = tuple[Int32, Int32, Float32]


@dataclass(frozen=True, eq=False)
class Piece:
    """Some vectors in a row.

    Attributes:
        first: the number of the first of them.
        vectors: (p, d) float32, rows no longer than 1.
        candidates: the first pass over these.
    """

    first: int
    vectors: Float32
    candidates: Candidates

    def __len__(self) -> int:
        return len(self.vectors)

    def part(self, rows: slice) -> Piece:
        """Return some of them; ``rows`` are numbered from the first of this piece."""
        start = range(len(self))[rows].start
        return Piece(self.first + start, self.vectors[rows], self.candidates.part(rows))


@dataclass(frozen=True, eq=False)
class EdgeSearch:
    """What edges are looked for.

    Attributes:
        threshold: smallest similarity of an edge.
        block_rows: rows of one block.
        max_edges: more than the caller takes; a search that has found more may end.
    """

    threshold: float
    block_rows: int
    max_edges: int | None = None

    def tile(self, rows: Piece, cols: Piece) -> list[Part]:
        """Return the edges from one piece to the same or a later one, block of rows by block."""
        return [self.stripe(rows, cols, first) for first in range(0, len(rows), self.block_rows)]

    def stripe(self, rows: Piece, cols: Piece, first: int) -> Part:
        """Return the edges from one block of rows to all later rows of a piece.

        Args:
            rows: the piece that has the block.
            cols: the same piece, or one after it.
            first: where the block begins in ``rows``.
        """
        found: list[Part] = []
        count = 0
        same = rows.first == cols.first
        block = slice(first, first + self.block_rows)
        for start in range(first if same else 0, len(cols), self.block_rows):
            others = slice(start, start + self.block_rows)
            places = rows.candidates.block(block, others, cols.candidates)
            if same and start == first:
                upper = places[0] < places[1]
                places = places[0][upper], places[1][upper]
            x, y = rows.vectors[block], cols.vectors[others]
            i, j, similarity = self._settled(rows.candidates, x, y, places)
            i, j = i + np.int32(rows.first + first), j + np.int32(cols.first + start)
            found.append((i, j, similarity))
            count += len(i)
            if self.max_edges is not None and count > self.max_edges:
                break  # the caller will see that
        return concatenated_parts(found)

    def _settled(self, candidates: Candidates, x: Float32, y: Float32, places: Pairs) -> Part:
        """Return the candidate pairs of a block that do reach the threshold.

        Args:
            candidates: who found them.
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
            similarity = candidates.products(x, y, places)
        near = np.flatnonzero(np.abs(similarity - self.threshold) < FLOAT32_MARGIN)
        keep = similarity >= self.threshold
        precise = np.einsum(
            "ij,ij->i", x[rows[near]].astype(np.float64), y[cols[near]].astype(np.float64)
        )
        keep[near] = precise >= self.threshold
        return rows[keep].astype(np.int32), cols[keep].astype(np.int32), similarity[keep]


def concatenated_parts(parts: list[Part]) -> Part:
    """Return the edges of all parts, one part after the other."""
    return (
        np.concatenate([np.zeros(0, np.int32), *(p[0] for p in parts)]),
        np.concatenate([np.zeros(0, np.int32), *(p[1] for p in parts)]),
        np.concatenate([np.zeros(0, np.float32), *(p[2] for p in parts)]),
    )
