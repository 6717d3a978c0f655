"""Average linkage of the connected components of a graph, as tasks of somebody else.

No merge joins two components: an edge is needed. So each comes out as it does beside all others, to
the last bit, if inner products are made as among all of them. Components are put together to tasks
of a size; those that are too large for a task are merged here, meanwhile. Where these have most of
the edges, all are.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np

from grouping.clustering.average_linkage import Accept, average_linkage
from grouping.clustering.micro_clusters import MicroClusters
from grouping.records import Int64
from grouping.similarity.cosine_graph import TASKS_A_WORKER, CosineGraph
from grouping.similarity.group_sums import group_members
from grouping.similarity.inner_products import PairProducts, products_among
from grouping.similarity.pair_sets import Index, connected_components, sorted_order
from grouping.similarity.task_runner import TaskRunner

# Linkage of fewer edges takes a few seconds: less than to give it away.
FEW_EDGES = 1_000_000
EDGE_BYTES = 12

# The number of a task from 1, or one of these.
HERE, NOWHERE = 0, -1


def linkage_roots(
    clusters: MicroClusters,
    graph: CosineGraph,
    threshold: float,
    accept: Accept | None,
    products: PairProducts | None = None,
) -> Int64:
    """Return (m,) int64, the first of the union that each of m micro-clusters ends in.

    The arguments are those of :func:`grouping.clustering.average_linkage.average_linkage`.
    """
    merges = average_linkage(clusters, graph, threshold, accept, products)
    return merges.roots(len(clusters))


def roots_by_component(
    clusters: MicroClusters,
    graph: CosineGraph,
    threshold: float,
    accept: Accept | None,
    runner: TaskRunner,
) -> Int64:
    """Return what :func:`linkage_roots` does, equal to it.

    Args:
        clusters, graph, threshold, accept: as there.
        runner: does the tasks.
    """
    part = _part_of_each(clusters, graph, runner)
    if 2 * np.count_nonzero(part.take(graph.rows) == HERE) > len(graph):
        return linkage_roots(clusters, graph, threshold, accept)
    parts = _Parts(clusters, graph, part)
    products = products_among(len(clusters))
    roots, stop = np.arange(len(clusters)), threading.Event()

    def elsewhere() -> None:
        tasks = (
            (*parts.take(number), threshold, accept, products) for number in range(1, len(parts))
        )
        with closing(runner.run(_roots_of_task, tasks)) as done:
            for place, found in done:
                members = parts.members[place + 1]
                roots[members] = members[found]
                if stop.is_set():
                    return

    with ThreadPoolExecutor(1) as thread:
        others = thread.submit(elsewhere)
        try:
            members = parts.members[HERE]
            found = linkage_roots(*parts.take(HERE), threshold, accept, products)
            others.result()
        finally:
            stop.set()
    roots[members] = members[found]
    return roots


def _roots_of_task(
    clusters: MicroClusters,
    graph: CosineGraph,
    threshold: float,
    accept: Accept | None,
    products: PairProducts,
) -> Int64:
    """Return what :func:`linkage_roots` does, of arguments that must not be changed."""
    own = CosineGraph(graph.n, graph.rows.copy(), graph.cols.copy(), graph.similarity.copy())
    clusters = replace(clusters, sums=clusters.sums.copy())
    return linkage_roots(clusters, own, threshold, accept, products)


class _Parts:
    """The components of a graph, put together to tasks.

    Args:
        clusters: m of them.
        graph: of these.
        part: (m,) int64, the task of each.

    Attributes:
        members: for each task from 1 its micro-clusters, (size,) int64, ascending; first those that
            stay here.
    """

    def __init__(self, clusters: MicroClusters, graph: CosineGraph, part: Int64) -> None:
        self._clusters, self._graph = clusters, graph
        self.members = group_members(part)
        of_edge = part.take(graph.rows)
        self._order = sorted_order(of_edge)
        self._bounds = np.searchsorted(of_edge.take(self._order), np.arange(len(self) + 1))
        self._place = np.empty(graph.n, np.int32)
        for members in self.members:
            self._place[members] = np.arange(len(members))

    def __len__(self) -> int:
        return len(self.members)

    def take(self, number: int) -> tuple[MicroClusters, CosineGraph]:
        """Return the micro-clusters and the edges of a task, in their order."""
        members = self.members[number]
        edges: Index = self._order[self._bounds[number] : self._bounds[number + 1]]
        graph = CosineGraph(
            len(members),
            self._place.take(self._graph.rows.take(edges)),
            self._place.take(self._graph.cols.take(edges)),
            self._graph.similarity.take(edges),
        )
        return self._clusters.take(members), graph


def _part_of_each(clusters: MicroClusters, graph: CosineGraph, runner: TaskRunner) -> Int64:
    """Return (m,) int64, the task of each micro-cluster, ``HERE``, or ``NOWHERE`` without an edge.

    Args:
        clusters: m of them.
        graph: of these.
        runner: who does the tasks.
    """
    component = connected_components(np.stack([graph.rows, graph.cols], axis=1), graph.n)
    vertices = np.bincount(component)
    edges = np.bincount(component.take(graph.rows), minlength=len(vertices))
    size = np.where(edges > 0, EDGE_BYTES * edges + vertices * clusters.sums[:1].nbytes, 0)
    most = min(runner.piece_bytes, int(size.sum()) // (TASKS_A_WORKER * runner.workers) + 1)
    part = np.where(edges > 0, HERE, NOWHERE)
    small = np.flatnonzero((edges > 0) & (size <= runner.piece_bytes))
    ends = np.cumsum(size[small])
    part[small] = 1 + np.unique(ends // most, return_inverse=True)[1]
    return part.take(component)
