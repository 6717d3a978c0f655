"""Average linkage of any number of micro-clusters in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from grouping.clustering.average_linkage import Accept
from grouping.clustering.linkage_by_component import (
    FEW_EDGES,
    linkage_roots,
    roots_by_component,
)
from grouping.clustering.micro_clusters import MicroClusters
from grouping.errors import GraphTooLargeError
from grouping.memory.machine import machine_memory
from grouping.memory.sizes import size_text
from grouping.records import Int64
from grouping.similarity.cosine_graph import CosineGraph, cosine_graph
from grouping.similarity.task_runner import task_runner

# Bounds the memory of one graph: about EDGE_MEMORY bytes an edge while it is clustered.
MAX_EDGES = 40_000_000
EDGE_MEMORY = 40
# More micro-clusters than this are first merged in parts: the graph takes time of order n squared.
MAX_AT_ONCE = 300_000
# How much more alike than the threshold clusters must be to be merged within a part. On 20,000
# hard synthetic faces in four parts it changes BCubed F by 0.0001 (0.15: by 0.0007).
PART_STEP = 0.20


def linkage_in_parts(
    clusters: MicroClusters, threshold: float, accept: Accept | None = None, step: float = PART_STEP
) -> Int64:
    """Label micro-clusters by average linkage, as a whole where that fits into memory.

    Exact where there are at most ``MAX_AT_ONCE`` of them and their graph has at most ``MAX_EDGES``
    edges. Beyond, in three steps:

    1. They are cut into parts, and each part is merged on its own, down to ``step`` above the
       threshold: what is so alike is together in the end whatever the other parts hold.
    2. What is left is merged as a whole.
    3. Where its graph has too many edges, it is merged in two halves down to the threshold, and
       then as a whole whatever the memory.

    A part is a smaller task of the same kind. It has its threshold to reach and no other, so its
    own parts are merged down to that (``step=0``).

    Args:
        clusters: m of them.
        threshold: smallest average similarity of a merge.
        accept: see :func:`grouping.clustering.average_linkage.average_linkage`.
        step: how far above the threshold merging stops within parts.

    Returns:
        (m,) int64, labels 0..k-1 numbered by the smallest member.
    """
    parts = -(-len(clusters) // MAX_AT_ONCE)
    whole = _link_if_it_fits(clusters, threshold, accept) if parts <= 1 else None
    if whole is not None:
        return whole

    within_parts = _numbered_on(
        linkage_in_parts(part, threshold + step, accept, step=0)
        for part in _cut(clusters, max(parts, 2))
    )
    left = clusters.contract(within_parts)

    whole = _link_if_it_fits(left, threshold, accept)
    if whole is not None:
        return whole[within_parts]

    within_halves = _numbered_on(
        linkage_in_parts(half, threshold, accept, step=0) for half in _cut(left, 2)
    )
    whole = _link(left.contract(within_halves), threshold, accept)
    return whole[within_halves][within_parts]


def check_memory(n: int, dimensions: int) -> None:
    """Refuse more faces than this machine has memory to group, whoever does tasks of the graph.

    What is here in any case: the vectors, their sums in micro-clusters, the copy in low precision
    of those that are clustered at once, and one edge for each of these. It may be more: a graph is
    given up at ``MAX_EDGES`` edges, and clustered in parts.

    Args:
        n: faces.
        dimensions: of the vector of each.

    Raises:
        GraphTooLargeError: that is more than the machine has.
    """
    at_once = min(n, MAX_AT_ONCE)
    vectors, low, edges = 2 * 4 * n * dimensions, at_once * dimensions, EDGE_MEMORY * at_once
    needed, there = vectors + low + edges, machine_memory()
    if needed > there:
        raise GraphTooLargeError(
            f"grouping {n} faces takes {size_text(needed)} of memory at least (vectors "
            f"{size_text(vectors)}, a copy in low precision {size_text(low)}, edges "
            f"{size_text(edges)}), and this machine has {size_text(there)}: run again, with the "
            "same cache, on one that has more, or group parts of the album; more machines of a "
            "cluster do not help"
        )


def graph_of(
    clusters: MicroClusters, threshold: float, max_edges: int | None = None
) -> CosineGraph:
    """Return all pairs of micro-clusters whose average similarity is at least ``threshold``.

    Raises:
        GraphTooLargeError: there are more than ``max_edges``.
    """
    return cosine_graph(clusters.means(), threshold, max_edges=max_edges)


def _link_if_it_fits(
    clusters: MicroClusters, threshold: float, accept: Accept | None
) -> Int64 | None:
    """Return (m,) int64 labels, or None where the graph has more than ``MAX_EDGES`` edges."""
    try:
        return _link(clusters, threshold, accept, MAX_EDGES)
    except GraphTooLargeError:
        return None


def _link(
    clusters: MicroClusters,
    threshold: float,
    accept: Accept | None,
    max_edges: int | None = None,
) -> Int64:
    """Return (m,) int64, labels 0..k-1 numbered by the smallest member, made at once."""
    graph = graph_of(clusters, threshold, max_edges)
    runner = task_runner()
    if runner is None or len(graph) < FEW_EDGES:
        roots = linkage_roots(clusters, graph, threshold, accept)
    else:
        roots = roots_by_component(clusters, graph, threshold, accept, runner)
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def _cut(clusters: MicroClusters, parts: int) -> Iterable[MicroClusters]:
    """Yield equal parts, in order. They are in no order that means anything."""
    for index in np.array_split(np.arange(len(clusters)), parts):
        yield clusters.take(index)


def _numbered_on(labels_of_parts: Iterable[Int64]) -> Int64:
    """Return the labels of parts, each (p,) int64 from 0, in a row: no label in two parts."""
    numbered = [np.zeros(0, np.int64)]
    used = 0
    for labels in labels_of_parts:
        numbered.append(used + labels)
        used += int(labels.max(initial=-1)) + 1
    return np.concatenate(numbered)
