"""The sparse graph against brute force in float64."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.errors import GraphTooLargeError, InputError
from grouping.similarity.cosine_graph import CosineGraph, cosine_graph
from grouping.similarity.inner_products import pair_products
from tests.helpers.vectors import hard_vectors, unit


def brute_force(vectors: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    products = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    return {
        (int(i), int(j)) for i, j in zip(*np.nonzero(products >= threshold), strict=True) if i < j
    }


def rows_of(graph: CosineGraph) -> zip:
    return zip(graph.rows, graph.cols, graph.similarity, strict=True)


def edges(graph: CosineGraph) -> set[tuple[int, int]]:
    found = list(zip(graph.rows.tolist(), graph.cols.tolist(), strict=True))
    assert len(found) == len(set(found)), "an edge is listed twice"
    return set(found)


@pytest.mark.parametrize("precision", ["int8", "bf16", "float32"])
@pytest.mark.parametrize("threshold", [-0.05, 0.0, 0.01, 0.2, 0.4, 0.7])
def test_same_edges_as_float64_brute_force(precision: str, threshold: float) -> None:
    vectors, _ = hard_vectors(700, seed=3)
    graph = cosine_graph(vectors, threshold, precision=precision, block_rows=256)
    assert edges(graph) == brute_force(vectors, threshold)


@pytest.mark.parametrize("precision", ["int8", "bf16", "float32"])
def test_pairs_that_lie_at_the_threshold_itself(precision: str) -> None:
    rng = np.random.default_rng(5)
    first = unit(rng.standard_normal((1, 128)))
    other = rng.standard_normal((400, 128))
    other = unit(other - (other @ first.T) * first)
    offsets = rng.uniform(-3e-7, 3e-7, (400, 1))
    near = unit((0.4 + offsets) * first + np.sqrt(1 - (0.4 + offsets) ** 2) * other)
    vectors = np.concatenate([first, near])
    wanted = {e for e in brute_force(vectors, 0.4) if e[0] == 0}
    assert 0 < len(wanted) < 400
    found = edges(cosine_graph(vectors, 0.4, precision=precision))
    assert {e for e in found if e[0] == 0} == wanted


def test_dense_and_sparse_blocks_are_settled_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, _ = hard_vectors(400, seed=6)
    found = []
    for share in (0.0, 1.0):
        monkeypatch.setattr("grouping.similarity.edge_search.DENSE_SHARE", share)
        found.append(cosine_graph(vectors, 0.1))
    assert edges(found[0]) == edges(found[1])
    assert np.allclose(found[0].similarity, found[1].similarity, atol=1e-6)


@pytest.mark.parametrize("block_rows", [1, 7, 64, 500])
def test_blocks_of_any_size_give_the_same_graph(block_rows: int) -> None:
    vectors, _ = hard_vectors(100, seed=2)
    whole, parts = (cosine_graph(vectors, 0.1, block_rows=b) for b in (4096, block_rows))
    assert edges(whole) == edges(parts)
    similarity = {(int(i), int(j)): s for i, j, s in rows_of(whole)}
    for i, j, s in rows_of(parts):
        assert s == pytest.approx(similarity[int(i), int(j)], abs=1e-6)


def test_similarity_of_an_edge_is_the_product() -> None:
    vectors, _ = hard_vectors(300, seed=4)
    graph = cosine_graph(vectors, 0.3)
    exact = (vectors[graph.rows].astype(float) * vectors[graph.cols]).sum(1)
    assert np.allclose(graph.similarity, exact, atol=2e-7)
    assert (graph.rows < graph.cols).all()
    again = pair_products(vectors, vectors, graph.cols[::-1], graph.rows[::-1])[::-1]
    assert np.allclose(again, graph.similarity, atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_vectors(n: int) -> None:
    vectors = unit(np.ones((n, 8)))
    graph = cosine_graph(vectors, 0.5)
    assert (graph.n, len(graph)) == (n, n // 2)


def test_input_is_unchanged() -> None:
    vectors, _ = hard_vectors(50)
    before = vectors.copy()
    cosine_graph(vectors, 0.2)
    assert np.array_equal(vectors, before)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_vectors_without_direction_are_refused(value: float) -> None:
    vectors, _ = hard_vectors(20)
    vectors[7] = value
    with pytest.raises(InputError, match="row 7"):
        cosine_graph(vectors, 0.4)


def test_other_arguments_are_refused() -> None:
    vectors, _ = hard_vectors(20)
    with pytest.raises(InputError, match="float64"):
        cosine_graph(vectors.astype(np.float64), 0.4)
    with pytest.raises(InputError, match="precision"):
        cosine_graph(vectors, 0.4, precision="int4")


def test_a_graph_too_large_is_given_up() -> None:
    vectors = unit(np.ones((100, 8)) + np.random.default_rng(0).normal(0, 0.01, (100, 8)))
    assert len(cosine_graph(vectors, 0.5, max_edges=4950)) == 4950
    with pytest.raises(GraphTooLargeError, match="4949"):
        cosine_graph(vectors, 0.5, max_edges=4949)
