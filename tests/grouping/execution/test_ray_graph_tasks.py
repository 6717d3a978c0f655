"""Tasks of the graph on a real Ray cluster of two nodes, against this process alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from grouping.errors import GroupingError, InputError
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from grouping.similarity.cosine_graph import cosine_graph
from grouping.similarity.task_runner import tasks_done_by
from tests.benchmarks.report.large_album import large_labels, large_vectors
from tests.helpers.execution.ray_nodes import (
    connected_nodes,
    end_own_process,
    kill_one_at_work,
    many_numbers,
    refuse,
    same_number,
)
from tests.helpers.vectors import face_set

pytestmark = pytest.mark.slow
if find_spec("ray") is None:
    pytest.skip("the extra 'ray' is not installed", allow_module_level=True)

THRESHOLD = 0.38


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with connected_nodes(2, store=100 << 20) as cluster:
        yield cluster


@pytest.fixture
def runner(cluster: Any) -> Any:
    from grouping.execution.on_ray.graph_tasks import RayTaskRunner

    return RayTaskRunner()


def vectors_of(n: int, seed: int = 0) -> np.ndarray:
    return large_vectors(large_labels(n, n // 20, seed), seed)


def test_the_graph_is_that_of_one_machine_though_a_worker_is_killed(runner: Any) -> None:
    vectors = vectors_of(60_000)  # 123 MB, more than a node's object store
    here = cosine_graph(vectors, THRESHOLD)
    cosine_graph_elsewhere(vectors[:30_000], runner)  # workers are there
    killed = kill_one_at_work(after=1.0)
    there = cosine_graph_elsewhere(vectors, runner)
    assert killed, "nobody was killed"
    for name in ("rows", "cols", "similarity"):
        assert getattr(here, name).tobytes() == getattr(there, name).tobytes(), name
    assert len(runner.seconds) == 2, "one node did it all"


def cosine_graph_elsewhere(vectors: np.ndarray, runner: Any) -> Any:
    with tasks_done_by(runner):
        return cosine_graph(vectors, THRESHOLD)


def test_people_are_those_of_one_machine(runner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grouping.clustering.linkage_in_parts.FEW_EDGES", 10_000)
    faces, rules = face_set(vectors_of(31_000, seed=3)), GroupingRules(threshold=THRESHOLD)
    here = group_faces(faces, rules)
    with tasks_done_by(runner):
        there = group_faces(faces, rules)
    assert np.array_equal(there.labels, here.labels)
    assert here.labels.max() > 1000


def test_a_node_that_goes_away_costs_what_it_was_at(cluster: Any, runner: Any) -> None:
    vectors = vectors_of(40_000, seed=4)
    here = cosine_graph(vectors, THRESHOLD)
    third, plain = cluster.add_node(num_cpus=1, object_store_memory=100 << 20), runner.run
    removed: list[int] = []

    def remove_it_once_it_has_worked(tasks: Any) -> Any:
        for done, (place, result) in enumerate(tasks):
            if len(runner.seconds) == 3 and not removed:
                cluster.remove_node(third, allow_graceful=False)
                removed.append(done)
            yield place, result

    runner.run = lambda work, tasks: remove_it_once_it_has_worked(plain(work, tasks))
    there = cosine_graph_elsewhere(vectors, runner)
    assert removed, "it has not worked"
    assert here.similarity.tobytes() == there.similarity.tobytes()
    assert np.array_equal(here.rows, there.rows)


def test_results_that_a_lost_node_had_are_made_again(
    cluster: Any, runner: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="grouping.execution.on_ray.in_flight")
    third = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    found, removed = {}, False
    for place, numbers in runner.run(many_numbers, ((n,) for n in range(40))):
        found[place] = set(numbers.tolist())
        if len(runner.seconds) == 3 and not removed:
            time.sleep(8)  # what is in flight is done, and lies where it was made
            cluster.remove_node(third, allow_graceful=False)
            removed = True
    assert removed, "it has not worked"
    assert "sent again" in caplog.text
    assert found == {n: {n} for n in range(40)}


def test_a_piece_that_is_lost_is_put_there_again(
    cluster: Any, runner: Any, caplog: pytest.LogCaptureFixture
) -> None:
    import ray

    from grouping.execution.on_ray.in_flight import Shared

    caplog.set_level("DEBUG", logger="grouping.execution.on_ray.in_flight")
    third = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(third.node_id, soft=False)
    make = ray.remote(num_cpus=1, max_retries=0, scheduling_strategy=there)(many_numbers)
    piece = Shared(many_numbers(7), make.remote(7))
    ray.wait([piece.reference], timeout=60, fetch_local=False)
    lost = piece.reference
    cluster.remove_node(third, allow_graceful=False)
    tasks = runner.run(np.sum, [(piece,)] * 5)
    assert [total for _, total in tasks] == [700_000] * 5
    assert "sent again" in caplog.text
    assert piece.reference != lost


def test_a_task_that_no_worker_survives_is_given_up(
    runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grouping.execution.on_ray.in_flight.RETRIES", 1)
    with pytest.raises(GroupingError, match="failed 2 times"):
        list(runner.run(end_own_process, [()]))


def test_what_a_task_raises_arrives_as_it_is(runner: Any) -> None:
    with pytest.raises(InputError, match=r"^refused$"):
        list(runner.run(refuse, [()] * 3))


def test_tasks_are_asked_for_as_results_are_taken(runner: Any) -> None:
    asked = 0

    def tasks() -> Iterator[tuple[int]]:
        nonlocal asked
        for number in range(30):
            asked += 1
            yield (number,)

    found = {}
    for taken, (place, number) in enumerate(runner.run(same_number, tasks()), 1):
        assert asked - taken <= 2 * runner.workers
        found[place] = number
    assert found == {number: number for number in range(30)}


def test_an_object_store_too_small_is_refused_with_numbers(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grouping.execution.on_ray import graph_tasks

    monkeypatch.setattr(graph_tasks, "LEAST_PIECE", 64 << 20)
    with pytest.raises(GroupingError, match=r"has 100M for 1 core.*--object-store-memory"):
        graph_tasks.RayTaskRunner()
