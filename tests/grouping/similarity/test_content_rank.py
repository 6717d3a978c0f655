"""Ranks of vectors by their content."""

from __future__ import annotations

import numpy as np

from grouping.similarity.content_rank import content_rank


def test_content_rank_is_one_number_for_each_different_row() -> None:
    rows = np.random.default_rng(0).integers(0, 3, (200, 4)).astype(np.float32)
    rank = content_rank(rows)
    same = (rows[:, None] == rows[None]).all(2)
    assert np.array_equal(rank[:, None] == rank[None], same)
    order = np.random.default_rng(1).permutation(200)
    assert np.array_equal(content_rank(rows[order]), rank[order])
