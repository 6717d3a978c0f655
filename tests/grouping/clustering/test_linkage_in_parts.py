"""Average linkage in parts against that of the whole."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from grouping.clustering.constraints import Constraints
from grouping.clustering.linkage_in_parts import check_memory, linkage_in_parts
from grouping.clustering.micro_clusters import micro_clusters_of
from grouping.errors import GraphTooLargeError
from grouping.pipeline import GroupingPipeline
from grouping.sources.photo import LocalPhoto
from tests.helpers.paths import PHOTOS
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


def test_more_faces_than_memory_holds_are_refused_with_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grouping.clustering.linkage_in_parts.machine_memory", lambda: 16 << 30)
    check_memory(0, 512)
    check_memory(4_000_000, 512)  # 15.3 GiB of vectors and sums, 0.15 of a copy, 0.01 of edges
    with pytest.raises(
        GraphTooLargeError,
        match=r"5000000 faces takes 20G .*vectors 20G, .*147M, edges 12M.* has 16G: run again",
    ):
        check_memory(5_000_000, 512)


def test_the_pipeline_refuses_before_it_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grouping.clustering.linkage_in_parts.machine_memory", lambda: 1000)
    monkeypatch.setattr("grouping.people.group_faces.group_faces", None)
    with pytest.raises(GraphTooLargeError, match="this machine has 1M"):
        GroupingPipeline().run([LocalPhoto.at(next(PHOTOS.glob("*.jpg")))])
