"""Micro-clusters that are cut and contracted."""

from __future__ import annotations

import numpy as np

from grouping.clustering.micro_clusters import MicroClusters
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
