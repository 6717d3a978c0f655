"""Micro-clusters that are cut and contracted."""

from __future__ import annotations

import numpy as np

from grouping.clustering.constraints import Constraints
from grouping.clustering.micro_clusters import MicroClusters, micro_clusters_of
from tests.helpers.vectors import unit


def test_they_keep_their_links_when_cut_and_contracted() -> None:
    vectors = unit(np.random.default_rng(1).standard_normal((6, 8)))
    clusters = MicroClusters(vectors, np.ones(6, np.int64), np.array([[0, 1], [2, 5], [3, 4]]))
    assert clusters.take(np.array([5, 2, 0])).cannot_link.tolist() == [[1, 0]]
    merged = clusters.contract(np.array([0, 1, 0, 2, 2, 1]))
    assert merged.cannot_link.tolist() == [[0, 1]]
    assert merged.sizes.tolist() == [2, 2, 2]
    assert np.allclose(
        merged.sums,
        [vectors[0] + vectors[2], vectors[1] + vectors[5], vectors[3] + vectors[4]],
        atol=1e-6,
    )


def test_identical_rows_are_not_one_where_that_would_break_a_cannot_link() -> None:
    vectors = np.eye(3, dtype=np.float32)[[0, 1, 1, 2, 1]]  # 1, 2 and 4 are identical
    links = Constraints(must_link=np.array([[2, 3]]), cannot_link=np.array([[1, 3]]))
    clusters, member = micro_clusters_of(vectors, links)
    assert member[1] != member[2]
    apart = {tuple(sorted(pair)) for pair in clusters.cannot_link.tolist()}
    assert tuple(sorted((member[1], member[3]))) in apart
