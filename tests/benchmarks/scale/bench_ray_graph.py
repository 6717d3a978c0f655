"""The graph and the linkage on a Ray cluster, against this process alone: seconds, bytes, equality.

    python -m tests.benchmarks bench_ray_graph --faces 100000
    python -m tests.benchmarks bench_ray_graph --faces 300000 --store 200 --kill

The cluster is one of this machine: raylets of one core each, with object stores of ``--store`` MB.
As many cores work in this process. Bytes are those that crossed the loopback device meanwhile,
whoever sent them: pieces of the vectors and results from raylet to raylet, and Ray's own talk.
With ``--kill`` a worker that is at a task is killed on the way.

The vectors are those of ``large_album.py``: a quarter of the faces are of nobody, people fall off
in size. They are made before, and no time counts but that of the graph and of the linkage. The
cluster's workers are started by the first tasks, which counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

THRESHOLD = 0.38
FACES_A_PERSON = 20


def loopback_bytes() -> int:
    """Bytes received on the loopback device since the machine started."""
    return int(Path("/sys/class/net/lo/statistics/rx_bytes").read_text())


def timed(name: str, work: Callable[[], Any]) -> tuple[Any, float]:
    before, started = loopback_bytes(), time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    moved = (loopback_bytes() - before) / 1e6
    print(f"{name:<14} {seconds:8.2f} s   {moved:8.1f} MB over loopback", flush=True)
    return result, seconds


def same(one: Any, other: Any) -> bool:
    columns = ("rows", "cols", "similarity")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--store", type=int, default=200, help="MB of each node's object store")
    parser.add_argument("--kill", action="store_true", help="kill a worker on the way")
    options = parser.parse_args()

    import torch

    from grouping.clustering.linkage_by_component import linkage_roots, roots_by_component
    from grouping.clustering.merge_rule import MergeRule
    from grouping.clustering.micro_clusters import MicroClusters
    from grouping.similarity.candidate_pairs import fastest
    from grouping.similarity.cosine_graph import cosine_graph
    from grouping.similarity.task_runner import tasks_done_by
    from tests.benchmarks.report.large_album import large_labels, large_vectors
    from tests.helpers.execution.ray_nodes import connected_nodes, kill_one_at_work

    n = options.faces
    vectors = large_vectors(large_labels(n, n // FACES_A_PERSON))
    clusters = MicroClusters(vectors, np.ones(n, np.int64), np.zeros((0, 2), np.int64))
    rule = MergeRule(THRESHOLD)
    torch.set_num_threads(options.nodes)
    print(f"{n} vectors, {vectors.nbytes / 1e6:.0f} MB; first pass in {fastest()}", flush=True)
    here, _ = timed("graph, here", lambda: cosine_graph(vectors, THRESHOLD))
    kept = here.rows.copy(), here.cols.copy(), here.similarity.copy()
    roots, _ = timed("linkage, here", lambda: linkage_roots(clusters, here, THRESHOLD, rule))
    here = type(here)(n, *kept)  # linkage has put them into another order
    with connected_nodes(options.nodes, options.store << 20):
        from grouping.execution.on_ray.graph_tasks import RayTaskRunner

        runner = RayTaskRunner()
        print(f"pieces of at most {runner.piece_bytes / 1e6:.0f} MB", flush=True)
        if options.kill:
            kill_one_at_work(8.0)
        with tasks_done_by(runner):
            there, _ = timed("graph, Ray", lambda: cosine_graph(vectors, THRESHOLD))
            print(f"{len(there)} edges; the same: {same(here, there)}", flush=True)
            found, _ = timed(
                "linkage, Ray",
                lambda: roots_by_component(clusters, there, THRESHOLD, rule, runner),
            )
        print(f"{len(np.unique(found))} clusters; the same: {np.array_equal(roots, found)}")
        for node, seconds in sorted(runner.seconds.items()):
            print(f"{node}: {seconds:.1f} s of tasks")


if __name__ == "__main__":
    main()
