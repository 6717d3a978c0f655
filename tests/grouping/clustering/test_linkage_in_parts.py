"""Average linkage in parts against that of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from grouping.clustering.constraints import Constraints
from grouping.clustering.linkage_in_parts import linkage_in_parts
from grouping.clustering.micro_clusters import micro_clusters_of
from tests.helpers.vectors import hard_vectors, unit


def sets(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in np.unique(labels)}


def test_parts_lose_little_against_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = hard_vectors(3000, seed=7)
    clusters, _ = micro_clusters_of(vectors, Constraints())
    whole = linkage_in_parts(clusters, 0.4)
    monkeypatch.setattr("grouping.clustering.linkage_in_parts.MAX_AT_ONCE", 800)
    in_parts = linkage_in_parts(clusters, 0.4)
    assert adjusted_rand_score(whole, in_parts) > 0.99


def test_too_many_edges_are_clustered_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    people = unit(rng.standard_normal((3, 64)))
    vectors = unit(people[np.arange(900) % 3] * 2 + unit(rng.standard_normal((900, 64))))
    clusters, member = micro_clusters_of(vectors, Constraints())
    monkeypatch.setattr(
        "grouping.clustering.linkage_in_parts.MAX_EDGES", 20_000
    )  # the whole has 130,000
    labels = linkage_in_parts(clusters, 0.4)[member]
    assert sets(labels) == {frozenset(range(k, 900, 3)) for k in range(3)}
