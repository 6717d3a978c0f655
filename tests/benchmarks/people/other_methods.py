"""What others group faces with, on the same vectors: plain, at one parameter each.

Each takes (n, d) float32 rows of unit length and a parameter, and gives (n,) int labels, -1 for a
face without a group. Groups of one photo only are not taken out here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

WHISPERS_ROUNDS = 20
PAIRS_OF_DBSCAN = 3  # faces of a core neighbourhood, as a widely used photo server has it


def average_linkage(vectors: np.ndarray, threshold: float) -> np.ndarray:
    """scikit-learn's average linkage over all pairs, cut at a cosine similarity."""
    from sklearn.cluster import AgglomerativeClustering

    return AgglomerativeClustering(
        n_clusters=None,
        distance_threshold=1 - threshold,
        metric="cosine",
        linkage="average",
    ).fit_predict(vectors)


def dbscan(vectors: np.ndarray, threshold: float) -> np.ndarray:
    """scikit-learn's DBSCAN: neighbours from a cosine similarity on."""
    from sklearn.cluster import DBSCAN

    return DBSCAN(
        eps=1 - threshold, min_samples=PAIRS_OF_DBSCAN, metric="cosine", algorithm="brute"
    ).fit_predict(vectors)


def hdbscan(vectors: np.ndarray, fewest: float) -> np.ndarray:
    """The hdbscan package on Euclidean distances of unit vectors; fewest faces of a cluster."""
    from hdbscan import HDBSCAN

    return HDBSCAN(min_cluster_size=int(fewest)).fit_predict(vectors.astype(np.float64))


def chinese_whispers(vectors: np.ndarray, threshold: float) -> np.ndarray:
    """Biemann 2006, as dlib has it: each face takes the label that its neighbours have most."""
    table = vectors @ vectors.T
    np.fill_diagonal(table, -1)
    neighbours = [np.flatnonzero(row >= threshold) for row in table]
    labels, chance = np.arange(len(vectors)), np.random.default_rng(0)
    for _ in range(WHISPERS_ROUNDS):
        for face in chance.permutation(len(vectors)).tolist():
            near = neighbours[face]
            if len(near):
                weight = np.bincount(labels[near], table[face, near])
                labels[face] = weight.argmax()
    return labels


METHODS: dict[str, tuple[Callable[[np.ndarray, float], np.ndarray], tuple[float, ...]]] = {
    "DBSCAN, 3 faces": (dbscan, (0.40, 0.45, 0.50, 0.55, 0.60)),
    "HDBSCAN, fewest faces": (hdbscan, (2, 3, 5)),
    "average linkage": (average_linkage, (0.30, 0.34, 0.38, 0.42, 0.46)),
    "Chinese whispers": (chinese_whispers, (0.35, 0.40, 0.45, 0.50, 0.55)),
}
