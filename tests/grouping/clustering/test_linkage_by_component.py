"""Linkage of components that others do, against that of the whole here: equal."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.clustering.constraints import Constraints
from grouping.clustering.linkage_by_component import linkage_roots, roots_by_component
from grouping.clustering.linkage_in_parts import graph_of, linkage_in_parts
from grouping.clustering.merge_rule import MergeRule
from grouping.clustering.micro_clusters import MicroClusters, micro_clusters_of
from grouping.errors import InputError
from grouping.similarity.task_runner import tasks_done_by
from tests.helpers.execution.shuffled_tasks import ShuffledTasks
from tests.helpers.vectors import hard_vectors, unit


def many_components(n: int, seed: int = 0) -> MicroClusters:
    """Two people of 100 faces and many of about 12, like nobody else; some faces are apart."""
    rng = np.random.default_rng(seed)
    person = np.append(np.arange(200) % 2, rng.integers(2, n // 12, n - 200))
    centres = rng.standard_normal((person.max() + 1, 128))
    vectors = unit(centres[person] + 0.9 * rng.standard_normal((n, 128)))[rng.permutation(n)]
    vectors[: n // 20] = vectors[n // 20 : 2 * (n // 20)]  # copies: sums of several
    apart = rng.integers(0, n, (n // 4, 2))
    links = Constraints(cannot_link=apart[apart[:, 0] != apart[:, 1]])
    return micro_clusters_of(vectors, links)[0]


@pytest.mark.parametrize(("few", "piece_bytes"), [(1, 1 << 30), (1, 40_000), (10_000, 1 << 30)])
@pytest.mark.parametrize("judged", [True, False])
def test_components_come_out_as_in_the_whole(
    monkeypatch: pytest.MonkeyPatch, few: int, piece_bytes: int, judged: bool
) -> None:
    monkeypatch.setattr("grouping.similarity.inner_products.FEW_VECTORS", few)
    clusters = many_components(3000)
    before = clusters.sums.copy()
    accept = MergeRule(0.4) if judged else None
    here = linkage_roots(clusters, graph_of(clusters, 0.4), 0.4, accept)
    runner = ShuffledTasks(4, piece_bytes)
    there = roots_by_component(clusters, graph_of(clusters, 0.4), 0.4, accept, runner)
    assert np.array_equal(there, here)
    assert len(np.unique(here)) < 2500
    assert len(runner.done) > 4
    assert np.array_equal(clusters.sums, before)


def test_one_component_of_most_edges_stays_here() -> None:
    clusters, _ = micro_clusters_of(hard_vectors(2000, seed=1)[0], Constraints())
    runner = ShuffledTasks(piece_bytes=1 << 20)
    here = linkage_roots(clusters, graph_of(clusters, 0.2), 0.2, None)
    there = roots_by_component(clusters, graph_of(clusters, 0.2), 0.2, None, runner)
    assert np.array_equal(there, here)
    assert not runner.done


@pytest.mark.parametrize(
    ("at_once", "edges"), [(300_000, 40_000_000), (700, 40_000_000), (900, 9000)]
)
def test_labels_in_parts_are_those_of_one_machine(
    monkeypatch: pytest.MonkeyPatch, at_once: int, edges: int
) -> None:
    clusters = many_components(2500, seed=2)
    monkeypatch.setattr("grouping.clustering.linkage_in_parts.MAX_AT_ONCE", at_once)
    monkeypatch.setattr("grouping.clustering.linkage_in_parts.MAX_EDGES", edges)
    monkeypatch.setattr("grouping.clustering.linkage_in_parts.FEW_EDGES", 1)
    monkeypatch.setattr("grouping.similarity.cosine_graph.FEW_TO_SPREAD", 1)
    here = linkage_in_parts(clusters, 0.4, MergeRule(0.4))
    runner = ShuffledTasks()
    with tasks_done_by(runner):
        there = linkage_in_parts(clusters, 0.4, MergeRule(0.4))
    assert np.array_equal(there, here)
    assert {"tile", "_roots_of_task"} <= set(runner.done)


def refusing(*_: object) -> np.ndarray:
    raise InputError("refused")


def test_what_a_task_raises_arrives() -> None:
    clusters = many_components(1000)
    graph = graph_of(clusters, 0.4)
    with pytest.raises(InputError, match="refused"):
        roots_by_component(clusters, graph, 0.4, refusing, ShuffledTasks(piece_bytes=1 << 30))
