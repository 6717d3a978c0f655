"""HDBSCAN on the graph, against the package on the dense matrix."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import adjusted_rand_score

from grouping.clustering.clusterers import Hdbscan
from tests.helpers.vectors import hard_vectors, unit


def test_hdbscan_of_nothing_but_copies() -> None:
    vectors = unit(np.eye(4))[[0, 0, 1, 1, 2, 3]]
    labels = Hdbscan(1.0).fit_predict(vectors).tolist()
    assert labels in ([0, 0, 1, 1, -1, -1], [1, 1, 0, 0, -1, -1])


def test_hdbscan_agrees_with_the_package_on_the_dense_matrix() -> None:
    import hdbscan

    vectors, _ = hard_vectors(1000, seed=8)
    distance = np.minimum((1 - vectors.astype(float) @ vectors.T.astype(float)).clip(0), 0.6)
    dense = hdbscan.HDBSCAN(min_cluster_size=2, min_samples=1, metric="precomputed")
    reference = dense.fit_predict(distance)
    ours = Hdbscan(0.4).fit_predict(vectors)
    both = (reference >= 0) & (ours >= 0)
    assert both.mean() > 0.95 * max((reference >= 0).mean(), (ours >= 0).mean())
    assert adjusted_rand_score(reference[both], ours[both]) > 0.95
