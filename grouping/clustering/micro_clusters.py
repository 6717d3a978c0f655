"""Faces to the vertices that are clustered, and the clustering of vertices of any number.

Faces of identical embedding are one vertex from the start: a photo imported five thousand times
costs no more than once.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from grouping.clustering.average_linkage import Accept, average_linkage
from grouping.clustering.constraints import Constraints
from grouping.clustering.must_links import spread_over_mates
from grouping.errors import GraphTooLargeError
from grouping.records import Float32, Int64
from grouping.similarity.content_rank import content_rank
from grouping.similarity.cosine_graph import CosineGraph, check_vectors, cosine_graph
from grouping.similarity.group_sums import group_sums
from grouping.similarity.pair_sets import connected_components, distinct_pairs

# Bounds the memory of one graph: about 40 bytes an edge while it is clustered.
MAX_EDGES = 40_000_000
# More vertices than this are first merged in parts: the graph takes time of order n squared.
MAX_AT_ONCE = 300_000
# How much more alike than the threshold clusters must be to be merged within a part. On 20,000
# hard synthetic faces in four parts it changes BCubed F by 0.0001 (0.15: by 0.0007).
PART_STEP = 0.20


@dataclass(frozen=True, eq=False)
class Vertices:
    """Clusters to start from, numbered by content and not by the order of the faces.

    Attributes:
        sums: (m, d) float32, sum of the unit vectors of each.
        sizes: (m,) int64, how many vectors each sum holds.
        cannot_link: (c, 2) int64, pairs that must stay apart.
        must_link: (l, 2) int64, pairs that end in one cluster, see
            :mod:`grouping.clustering.must_links`.
    """

    sums: Float32
    sizes: Int64
    cannot_link: Int64
    must_link: Int64 = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    def __len__(self) -> int:
        return len(self.sizes)

    def means(self) -> Float32:
        """(m, d) float32; the inner product of two is the average similarity of the two sets."""
        if (self.sizes == 1).all():
            return self.sums
        sizes: Float32 = self.sizes.astype(np.float32)
        return self.sums / sizes[:, None]

    def contract(self, labels: Int64) -> Vertices:
        """Vertices of equal label become one, numbered by label; must-links are left behind."""
        count = int(labels.max(initial=-1)) + 1
        sizes = np.bincount(labels, self.sizes, minlength=count).astype(np.int64)
        return Vertices(
            group_sums(self.sums, labels, count),
            sizes,
            distinct_pairs(labels[self.cannot_link], count),
        )

    def take(self, index: npt.NDArray[np.intp]) -> Vertices:
        """Only these vertices and the links among them; all of them are not copied."""
        if len(index) == len(self) and (np.diff(index) == 1).all():
            return self
        links = Constraints(self.must_link, self.cannot_link).among(index, len(self))
        sums, sizes = self.sums[index], self.sizes[index]
        return Vertices(sums, sizes, links.cannot_link, links.must_link)


def vertices_of(vectors: Float32, constraints: Constraints) -> tuple[Vertices, Int64]:
    """Contract identical vectors.

    Args:
        vectors: (n, d) float32, rows of unit length.
        constraints: about these rows.

    Returns:
        the vertices, and (n,) int64, the vertex of each row.

    Raises:
        InputError: vectors that are zero, not finite or not float32.
    """
    check_vectors(vectors)
    rank = content_rank(vectors)
    same = _identical_pairs(rank, constraints.cannot_link)
    member = _by_smallest_rank(connected_components(same, len(rank)), rank)
    count = int(member.max(initial=-1)) + 1
    sums = group_sums(vectors, member, count)
    sizes = np.bincount(member, minlength=count).astype(np.int64)
    must = distinct_pairs(member[constraints.must_link], count)
    cannot = spread_over_mates(distinct_pairs(member[constraints.cannot_link], count), must, count)
    return Vertices(sums, sizes, cannot, must), member


def _identical_pairs(rank: Int64, cannot_link: Int64) -> Int64:
    """A chain of pairs through each set of identical rows, without those kept apart."""
    apart = cannot_link[rank[cannot_link[:, 0]] == rank[cannot_link[:, 1]]]
    free = np.ones(len(rank), bool)
    free[apart.ravel()] = False
    rows = np.flatnonzero(free)
    order = rows[np.argsort(rank[rows], kind="stable")]
    equal = np.flatnonzero(rank[order[1:]] == rank[order[:-1]])
    return np.stack([order[equal], order[equal + 1]], axis=1)


def _by_smallest_rank(labels: Int64, rank: Int64) -> Int64:
    """The same partition, numbered in the order of the smallest rank of each part."""
    count = int(labels.max(initial=-1)) + 1
    smallest = np.full(count, len(rank))
    np.minimum.at(smallest, labels, rank)
    place = np.empty(count, np.int64)
    place[np.argsort(smallest, kind="stable")] = np.arange(count)
    return place[labels]


def graph_of(vertices: Vertices, threshold: float, max_edges: int | None = None) -> CosineGraph:
    """All pairs of vertices whose average similarity is at least ``threshold``."""
    return cosine_graph(vertices.means(), threshold, max_edges=max_edges)


def link(
    vertices: Vertices,
    threshold: float,
    accept: Accept | None = None,
    part_threshold: float | None = None,
) -> Int64:
    """Average linkage of any number of vertices in bounded memory.

    Exact where the graph has at most ``MAX_EDGES`` edges and ``MAX_AT_ONCE`` vertices. Beyond,
    the vertices are cut into parts that are merged on their own down to ``part_threshold``
    (default ``PART_STEP`` above the threshold), then what is left is merged as a whole.

    Args:
        vertices: what to cluster.
        threshold: smallest average similarity of a merge.
        accept: see :func:`grouping.clustering.average_linkage.average_linkage`.
        part_threshold: the threshold within parts.

    Returns:
        (m,) int64, labels 0..k-1 numbered by the smallest vertex.
    """
    first = threshold + PART_STEP if part_threshold is None else part_threshold
    labels = np.arange(len(vertices))
    parts = -(-len(vertices) // MAX_AT_ONCE)
    for level in (first, threshold):
        if parts <= 1:
            try:
                return _link_at_once(vertices, threshold, accept, MAX_EDGES)[labels]
            except GraphTooLargeError:
                parts = 2
        merged = _link_in_parts(vertices, level, accept, parts)
        vertices, labels, parts = vertices.contract(merged), merged[labels], 1
    return _link_at_once(vertices, threshold, accept, None)[labels]


def _link_at_once(
    vertices: Vertices, threshold: float, accept: Accept | None, max_edges: int | None
) -> Int64:
    graph = graph_of(vertices, threshold, max_edges)
    edges = (graph.rows, graph.cols, graph.similarity)
    apart = (vertices.cannot_link[:, 0], vertices.cannot_link[:, 1])
    merges = average_linkage(vertices.sums, vertices.sizes, edges, apart, threshold, accept)
    return np.unique(merges.roots(len(vertices)), return_inverse=True)[1].astype(np.int64)


def _link_in_parts(
    vertices: Vertices, threshold: float, accept: Accept | None, parts: int
) -> Int64:
    """Labels of a partition in which only vertices of the same part are together."""
    labels = np.empty(len(vertices), np.int64)
    used = 0
    for index in np.array_split(np.arange(len(vertices)), parts):
        labels[index] = used + link(vertices.take(index), threshold, accept, threshold)
        used = int(labels[index].max(initial=used - 1)) + 1
    return labels
