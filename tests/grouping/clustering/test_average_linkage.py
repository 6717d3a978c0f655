"""Average linkage on the sparse graph against scikit-learn and against plain greedy merging."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

from grouping.clustering.average_linkage import average_linkage
from grouping.clustering.micro_clusters import MicroClusters
from grouping.similarity.cosine_graph import CosineGraph, cosine_graph
from grouping.similarity.group_sums import group_sums
from tests.helpers.vectors import hard_vectors, unit

NO_PAIRS = np.zeros((0, 2), np.int64)


def linked(
    vectors: np.ndarray, threshold: float, cannot: np.ndarray | None = None, accept=None
) -> np.ndarray:
    apart = NO_PAIRS if cannot is None else cannot
    vertices = MicroClusters(vectors, np.ones(len(vectors), np.int64), apart)
    merges = average_linkage(vertices, cosine_graph(vectors, threshold), threshold, accept)
    return merges.roots(len(vectors))


Rule = Callable[[int, int, int, int], bool]


def greedy(
    vectors: np.ndarray, threshold: float, cannot: np.ndarray, rule: Rule = lambda *_: True
) -> list[frozenset[int]]:
    """Average linkage by its definition: merge the best allowed pair, look again.

    ``rule`` is asked with the smallest members and the sizes of the two; what it refuses is
    forbidden from then on.
    """
    products = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    forbidden = {frozenset(pair) for pair in cannot.tolist()}
    clusters = [frozenset([i]) for i in range(len(vectors))]
    while True:
        best = max(
            (
                (products[np.ix_(list(a), list(b))].mean(), k, m)
                for k, a in enumerate(clusters)
                for m, b in enumerate(clusters[:k])
                if not any(frozenset((i, j)) in forbidden for i in a for j in b)
            ),
            default=(-np.inf, 0, 0),
        )
        if best[0] < threshold:
            return clusters
        a, b = sorted((clusters[best[1]], clusters[best[2]]), key=min)
        if not rule(min(a), min(b), len(a), len(b)):
            forbidden.add(frozenset((min(a), min(b))))
            continue
        union = clusters[best[1]] | clusters[best[2]]
        clusters = [c for k, c in enumerate(clusters) if k not in best[1:]] + [union]


def parts(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in np.unique(labels)}


@pytest.mark.parametrize("threshold", [0.25, 0.4, 0.55])
@pytest.mark.parametrize("seed", [0, 1])
def test_same_labels_as_scikit_learn(threshold: float, seed: int) -> None:
    vectors, _ = hard_vectors(1500, seed=seed)
    reference = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - threshold
    ).fit_predict(vectors.astype(np.float64))
    assert adjusted_rand_score(reference, linked(vectors, threshold)) == 1.0


@pytest.mark.parametrize("seed", range(6))
def test_same_clusters_as_greedy_merging_with_cannot_links(seed: int) -> None:
    vectors, _ = hard_vectors(40, seed=seed, dim=16, largest=12)
    rng = np.random.default_rng(seed)
    cannot = np.array([rng.choice(40, 2, replace=False) for _ in range(60)])
    labels = linked(vectors, 0.2, cannot)
    assert parts(labels) == set(greedy(vectors, 0.2, cannot))
    assert len(parts(labels)) > len(parts(linked(vectors, 0.2)))


@pytest.mark.parametrize("threshold", [-0.1, 0.0, 0.25, 0.4])
@pytest.mark.parametrize("seed", range(4))
def test_same_clusters_as_greedy_merging_with_a_rule_that_refuses(
    seed: int, threshold: float
) -> None:
    vectors, _ = hard_vectors(40, seed=seed, dim=16, largest=12)
    cannot = np.random.default_rng(seed).integers(0, 40, (20, 2))
    cannot = cannot[cannot[:, 0] != cannot[:, 1]]
    asked = []

    def rule(low: int, high: int, size: int, other: int) -> bool:
        asked.append((low, high))
        return (7 * low + 3 * high + size + other) % 3 > 0

    def accept(inner, sizes, low, high, similarity):
        pairs = zip(low.tolist(), high.tolist(), strict=True)
        return np.array([rule(a, b, int(sizes[a]), int(sizes[b])) for a, b in pairs], bool)

    expected = set(greedy(vectors, threshold, cannot, rule))
    reference, asked = asked, []
    assert parts(linked(vectors, threshold, cannot, accept)) == expected
    assert sorted(asked) == sorted(reference)
    assert len(asked) > 40 - len(expected)  # some were refused


def test_no_cannot_link_is_ever_inside_a_cluster() -> None:
    vectors, _ = hard_vectors(800, seed=4)
    cannot = np.random.default_rng(0).integers(0, 800, (4000, 2))
    cannot = cannot[cannot[:, 0] != cannot[:, 1]]
    labels = linked(vectors, 0.2, cannot)
    assert not (labels[cannot[:, 0]] == labels[cannot[:, 1]]).any()


def test_ties_are_broken_by_the_smallest_vertices() -> None:
    # Four corners of a square about an axis: each has two neighbours of the same similarity.
    axis = np.array([1.0, 0, 0])
    ring = np.array([[0, 1, 0], [0, 0, 1], [0, -1, 0], [0, 0, -1]])
    vectors = unit(axis + ring)
    assert linked(vectors, 0.45, np.array([[0, 2]])).tolist() == [0, 0, 2, 2]


def test_merges_are_listed_with_their_similarity() -> None:
    vectors = unit(np.array([[1, 0, 0], [1, 0.1, 0], [1, 0.3, 0.3], [0, 0, 1]]))
    vertices = MicroClusters(vectors, np.ones(4, np.int64), NO_PAIRS)
    merges = average_linkage(vertices, cosine_graph(vectors, 0.1), 0.5)
    products = vectors.astype(float) @ vectors.T
    assert merges.merged_into.tolist() == [0, 0]
    assert merges.merged.tolist() == [1, 2]
    assert merges.similarity == pytest.approx([products[0, 1], products[:2, 2].mean()], abs=1e-6)


def test_a_rule_is_told_the_similarities_within_and_sums_are_given_back() -> None:
    faces, _ = hard_vectors(400, seed=9)
    start = np.sort(np.random.default_rng(0).integers(0, 250, 400))  # vertices of several faces
    sums, sizes = group_sums(faces, start, 250), np.bincount(start, minlength=250)
    members = {vertex: set(np.flatnonzero(start == vertex)) for vertex in np.flatnonzero(sizes)}
    merged = 0

    def rule(inner, sizes, low, high, similarity):
        nonlocal merged
        for kept, gone, mean in zip(low, high, similarity, strict=True):
            for cluster in (kept, gone):
                own = faces[sorted(members[cluster])].astype(float)
                upper = (own @ own.T)[np.triu_indices(len(own), 1)]
                assert inner[cluster] == pytest.approx(upper.sum(), abs=1e-4)
                assert sizes[cluster] == len(own)
            across = faces[sorted(members[kept])].sum(0) @ faces[sorted(members[gone])].sum(0)
            assert mean == pytest.approx(across / (sizes[kept] * sizes[gone]), abs=1e-5)
            members[kept] |= members.pop(gone)
            merged += 1
        return np.ones(len(low), bool)

    used = np.flatnonzero(sizes)
    before, counts = sums.copy(), sizes.copy()
    graph = cosine_graph(sums[used] / sizes[used, None].astype(np.float32), 0.3)
    graph = CosineGraph(250, used[graph.rows], used[graph.cols], graph.similarity)
    average_linkage(MicroClusters(sums, sizes, NO_PAIRS), graph, 0.3, rule)
    assert merged > 50
    assert np.array_equal(sums, before)
    assert np.array_equal(sizes, counts)
