"""The graph from tiles that others do, against the one that is made here: equal to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.errors import GraphTooLargeError
from grouping.similarity.cosine_graph import CosineGraph, cosine_graph
from grouping.similarity.task_runner import task_runner, tasks_done_by
from tests.helpers.execution.shuffled_tasks import ShuffledTasks
from tests.helpers.vectors import hard_vectors, unit


@pytest.fixture(autouse=True)
def _spread_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grouping.similarity.cosine_graph.FEW_TO_SPREAD", 100)


def assert_same(one: CosineGraph, other: CosineGraph) -> None:
    assert one.n == other.n
    for name in ("rows", "cols", "similarity"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


@pytest.mark.parametrize("precision", ["int8", "bf16", "float32"])
@pytest.mark.parametrize(("workers", "piece_bytes"), [(1, 1 << 30), (3, 1 << 20), (40, 1)])
def test_tiles_give_the_graph_of_one_machine(
    precision: str, workers: int, piece_bytes: int
) -> None:
    vectors, _ = hard_vectors(1500, seed=3)
    here = cosine_graph(vectors, 0.3, precision=precision, block_rows=64)
    runner = ShuffledTasks(workers, piece_bytes)
    with tasks_done_by(runner):
        there = cosine_graph(vectors, 0.3, precision=precision, block_rows=64)
    assert_same(there, here)
    assert len(here) > 1000
    assert set(runner.done) == {"tile"}
    assert runner.ahead <= 2 * workers


def test_dense_blocks_are_settled_alike() -> None:
    vectors = unit(np.ones((700, 64)) + np.random.default_rng(1).normal(0, 1, (700, 64)))
    here = cosine_graph(vectors, 0.4, precision="int8", block_rows=100)
    with tasks_done_by(ShuffledTasks(piece_bytes=1)):
        there = cosine_graph(vectors, 0.4, precision="int8", block_rows=100)
    assert_same(there, here)
    assert len(here) > 0.1 * 700 * 350


def test_a_graph_too_large_is_given_up_elsewhere_too() -> None:
    vectors = unit(np.ones((300, 8)) + np.random.default_rng(0).normal(0, 0.01, (300, 8)))
    edges = 300 * 299 // 2
    runner = ShuffledTasks(deaths=0)
    with tasks_done_by(runner):
        assert len(cosine_graph(vectors, 0.5, max_edges=edges, block_rows=32)) == edges
        whole = len(runner.done)
        with pytest.raises(GraphTooLargeError, match=str(edges - 1)):
            cosine_graph(vectors, 0.5, max_edges=edges - 1, block_rows=32)
        before = len(runner.done)
        with pytest.raises(GraphTooLargeError):
            cosine_graph(vectors, 0.5, max_edges=1000, block_rows=32)
    assert len(runner.done) - before < whole / 2  # the rest is not even begun


def test_few_vectors_stay_here() -> None:
    runner = ShuffledTasks()
    with tasks_done_by(runner):
        cosine_graph(hard_vectors(99)[0], 0.3)
        with tasks_done_by(None):
            cosine_graph(hard_vectors(200)[0], 0.3)
        assert task_runner() is runner
    assert not runner.done
    assert task_runner() is None
