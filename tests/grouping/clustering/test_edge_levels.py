"""The levels of a graph's edges, and the pairs of clusters found on each."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.clustering.edge_levels import EdgesByLevel, SeenKeys
from grouping.similarity.cosine_graph import CosineGraph, cosine_graph
from tests.helpers.vectors import hard_vectors


def sets(parts: list[tuple[np.ndarray, ...]]) -> set[tuple[float, ...]]:
    return {edge for part in parts for edge in zip(*(c.tolist() for c in part), strict=True)}


@pytest.mark.parametrize("threshold", [-0.2, 0.0, 0.375, 0.38, 0.9, 0.99])
@pytest.mark.parametrize("chunk", [700, 2**19])
def test_each_edge_is_there_once_at_the_first_level_that_it_reaches(
    threshold: float, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grouping.clustering.edge_levels.EDGE_CHUNK", chunk)
    similarity = np.random.default_rng(0).uniform(threshold, 1, 5000).astype(np.float32)
    exact = np.arange(-6, 33, dtype=np.float32) / 32  # on the levels themselves
    similarity = np.append(similarity, exact[exact >= threshold])
    rows = np.arange(len(similarity), dtype=np.int32)
    expected = sets([(rows, rows + 1, similarity)])
    by_level = EdgesByLevel(CosineGraph(len(rows) + 1, rows, rows + 1, similarity), threshold)
    assert by_level.levels[-1] == threshold
    assert by_level.levels == sorted(by_level.levels, reverse=True)
    above = np.inf
    for number, level in enumerate(by_level.levels):
        here = sets(by_level.parts(number))
        assert here == {edge for edge in expected if level <= edge[2] < above}
        expected -= here
        above = level
    assert not expected


def test_no_edges_have_levels_too() -> None:
    none = np.zeros(0, np.int32)
    by_level = EdgesByLevel(CosineGraph(3, none, none, np.zeros(0, np.float32)), 0.4)
    single, keys = by_level.between(0, np.arange(3), np.ones(3, np.int64))
    assert len(single.low) == len(keys) == 0


@pytest.mark.parametrize("threshold", [0.2, 0.4])
def test_clusters_between_which_an_edge_is(threshold: float) -> None:
    vectors, _ = hard_vectors(600, seed=3)
    rng = np.random.default_rng(0)
    cluster_of = np.where(rng.random(600) < 0.5, np.arange(600), rng.integers(0, 40, 600) // 2 * 2)
    cluster_of = np.minimum(cluster_of, np.arange(600))  # named by its smallest vertex
    cluster_of = cluster_of[cluster_of]
    while not np.array_equal(cluster_of, cluster_of[cluster_of]):
        cluster_of = cluster_of[cluster_of]
    counts = np.bincount(cluster_of, minlength=600)
    sizes = rng.integers(1, 4, 600)
    by_level = EdgesByLevel(cosine_graph(vectors, threshold), threshold)
    for number in range(len(by_level.levels)):
        singles, several = {}, set()
        for part in by_level.parts(number):
            for i, j, similarity in zip(*(column.tolist() for column in part), strict=True):
                low, high = sorted((int(cluster_of[i]), int(cluster_of[j])))
                if low != high and counts[low] == counts[high] == 1:
                    singles[low, high] = similarity * sizes[low] * sizes[high]
                elif low != high:
                    several.add((low, high))
        single, keys = by_level.between(number, cluster_of, sizes)
        found = zip(single.low.tolist(), single.high.tolist(), strict=True)
        assert dict(zip(found, single.total.tolist(), strict=True)) == pytest.approx(singles)
        assert {divmod(key, 600) for key in keys.tolist()} == several


@pytest.mark.parametrize("count", [0, 1, 10, 100_000])
def test_keys_seen_are_held_back_and_none_is_lost(count: int) -> None:
    seen, rng = SeenKeys(count), np.random.default_rng(0)
    asked, passed = [], []
    for _ in range(20):
        keys = rng.integers(0, 300, 500) * 2**33 + 7
        asked.append(keys)
        passed.append(seen.first_times(keys))
    assert set(np.concatenate(passed)) == set(np.concatenate(asked))
    if count >= 100_000:
        assert len(np.concatenate(passed)) < 400
    assert len(seen.first_times(np.zeros(0, np.int64))) == 0
