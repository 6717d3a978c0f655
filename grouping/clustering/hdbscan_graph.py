"""HDBSCAN on the similarity graph, with cannot-link.

All pairs less similar than the threshold count as equally far, so the hierarchy of each
connected component of the graph at the threshold is that of the whole, and the components
need no pairs between them. The hierarchy itself is the hdbscan package's.

Cannot-link is applied twice: a forbidden pair is no edge, and a cluster that still holds one,
through others, is taken apart by average linkage with the constraint.

References:
    R. Campello, D. Moulavi, J. Sander, Density-based clustering based on hierarchical density
    estimates, PAKDD 2013. L. McInnes, J. Healy, S. Astels, hdbscan, JOSS 2017.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix

from grouping.clustering.average_linkage import average_linkage
from grouping.clustering.linkage_in_parts import MAX_EDGES, graph_of
from grouping.clustering.micro_clusters import MicroClusters
from grouping.records import Int64
from grouping.similarity.cosine_graph import CosineGraph
from grouping.similarity.pair_sets import connected_components

MIN_CLUSTER_SIZE = 2
MIN_SAMPLES = 1
# A distance of zero is no edge in a sparse matrix.
SMALLEST_DISTANCE = 1e-6


def hdbscan_labels(clusters: MicroClusters, threshold: float) -> Int64:
    """Label micro-clusters by HDBSCAN.

    Args:
        clusters: m of them, the vertices of the graph.
        threshold: similarity below which two faces are not neighbours.

    Returns:
        (m,) int64, 0..k-1, or -1 for noise.

    Raises:
        GraphTooLargeError: more pairs reach the threshold than memory is allowed for; raise
            the threshold or use average linkage.
    """
    import hdbscan

    if len(clusters) == 0:
        return np.zeros(0, np.int64)
    graph = _without(graph_of(clusters, threshold, MAX_EDGES), clusters.cannot_link)
    found = hdbscan.HDBSCAN(
        min_cluster_size=MIN_CLUSTER_SIZE, min_samples=MIN_SAMPLES, metric="precomputed"
    ).fit_predict(_connected_distances(graph, threshold))
    return _without_forbidden_pairs(clusters, graph, np.asarray(found[: graph.n], np.int64))


def _without(graph: CosineGraph, pairs: Int64) -> CosineGraph:
    """Return the graph less the edges between (c, 2) int64 pairs of vertices."""
    low, high = np.sort(pairs, axis=1).T
    forbidden = low * graph.n + high
    keep = ~np.isin(graph.rows.astype(np.int64) * graph.n + graph.cols, forbidden)
    return CosineGraph(graph.n, graph.rows[keep], graph.cols[keep], graph.similarity[keep])


def _connected_distances(graph: CosineGraph, threshold: float) -> coo_matrix:
    """Return symmetric distances, the components joined at the distance of the threshold.

    They are joined in a star about two vertices that are no faces: so every component leaves
    the root of the hierarchy alone, and the root, which HDBSCAN never returns, is no person.

    Returns:
        (n + 2, n + 2) float64, sparse; the last two rows are those vertices.
    """
    n = graph.n
    component = connected_components(np.stack([graph.rows, graph.cols], axis=1), n)
    heads = np.unique(component, return_index=True)[1]
    far = max(1 - threshold, 2 * SMALLEST_DISTANCE)
    rows = np.concatenate([graph.rows, heads, [n]])
    cols = np.concatenate([graph.cols, np.full(len(heads), n), [n + 1]])
    near = np.maximum(1 - graph.similarity.astype(np.float64), SMALLEST_DISTANCE)
    distance = np.concatenate([near, np.full(len(heads), far), [far / 2]])
    half = coo_matrix((distance, (rows, cols)), shape=(n + 2, n + 2))
    return (half + half.T).tocsr()


def _without_forbidden_pairs(clusters: MicroClusters, graph: CosineGraph, labels: Int64) -> Int64:
    """Return labels with groups that hold a cannot-link taken apart; single faces are noise.

    Args:
        clusters: m of them.
        graph: of these.
        labels: (m,) int64 from 0, -1 for noise.

    Returns:
        (m,) int64 from 0 without gaps, -1 for noise.
    """
    inside = labels[graph.rows] == labels[graph.cols]
    a, b = labels[clusters.cannot_link].T
    broken = np.isin(labels, a[(a == b) & (a >= 0)])
    root = _first_of(labels)
    edge = inside & broken[graph.rows]
    of_broken = CosineGraph(graph.n, graph.rows[edge], graph.cols[edge], graph.similarity[edge])
    merges = average_linkage(clusters, of_broken, float(graph.similarity.min(initial=1)))
    root[broken] = merges.roots(graph.n)[broken]
    faces = np.bincount(root, clusters.sizes, minlength=graph.n)
    kept = np.unique(root[faces[root] >= MIN_CLUSTER_SIZE])
    place = np.full(graph.n, -1)
    place[kept] = np.arange(len(kept))
    return place[root]


def _first_of(labels: Int64) -> Int64:
    """Return (m,) int64, the smallest of the same of (m,) int64 labels; noise is alone."""
    root = np.arange(len(labels))
    clustered = np.flatnonzero(labels >= 0)
    _, first, inverse = np.unique(labels[clustered], return_index=True, return_inverse=True)
    root[clustered] = clustered[first][inverse]
    return root
