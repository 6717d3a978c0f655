"""What the pictures of embeddings are drawn from, small enough for the document.

Computed once, while the embeddings are at hand; drawing needs them no more.
"""

from __future__ import annotations

from base64 import b64encode

import numpy as np

from grouping.errors import InputError
from grouping.records import FaceSet, Float32, Int64
from grouping.report.plots.tsne import SAMPLE, perplexity_of, tsne_places
from grouping.results.schema import HistogramEntry, MatrixEntry, PlotsEntry, TsneEntry

DEFAULT_MAX_FACES = 20_000
MOST_COMPARED = 5000  # faces, each with each
HISTOGRAM_BINS = 120
MATRIX_SIDE = 400
_BLOCK = 1024


def plot_data(
    faces: FaceSet,
    labels: Int64,
    threshold: float,
    *,
    max_faces: int = DEFAULT_MAX_FACES,
    seed: int = 0,
) -> PlotsEntry:
    """Return what :mod:`grouping.report.plots` draws, as JSON values.

    Args:
        faces: n faces; row ``i`` is the face with number ``i``.
        labels: (n,) int64, the person of each face, -1 for none.
        threshold: cosine similarity at which faces were joined.
        max_faces: in the map; above this many, a fair sample is used: at least one face of each
            person where that is possible, beyond it in proportion. ``MOST_COMPARED`` bounds those
            of histogram and matrix.
        seed: of the sample and of t-SNE.

    Returns:
        The ``plots`` of the document. Pairs with a face without a group are left out of the
        histogram; the rows of the matrix are runs of faces, averaged, where there are more
        faces than ``MATRIX_SIDE``.

    Raises:
        InputError: ``labels`` is not one label a face.
    """
    if labels.shape != (len(faces),):
        raise InputError(f"labels must be of shape ({len(faces)},), got {labels.shape}")
    drawn = fair_sample(labels, max_faces, seed)
    compared = fair_sample(labels, min(max_faces, MOST_COMPARED), seed)
    vectors, people = faces.embeddings[compared], labels[compared]
    return {
        "faces_total": len(faces),
        "threshold": float(threshold),
        "seed": seed,
        "tsne": _tsne(faces.embeddings[drawn], labels[drawn], drawn, seed),
        "histogram": _histogram(vectors, people),
        "matrix": _matrix(vectors, people),
    }


def fair_sample(labels: Int64, size: int, seed: int) -> Int64:
    """Choose at most ``size`` faces, every person with the share they have.

    Faces are drawn in the order of their rank within the person, as a fraction of that
    person's faces: the first of everybody, then everybody at the same pace.

    Args:
        labels: (n,) int64, the person of each face, -1 for none.
        size: how many may be chosen.
        seed: of the choice.

    Returns:
        (m,) int64 rows, ascending.
    """
    if len(labels) <= size:
        return np.arange(len(labels), dtype=np.int64)
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_person = shuffled[np.argsort(labels[shuffled], kind="stable")]
    _, starts, counts = np.unique(labels[by_person], return_index=True, return_counts=True)
    rank = np.arange(len(labels)) - np.repeat(starts, counts)
    pace = rank / np.repeat(counts, counts)
    return np.sort(by_person[np.argsort(pace, kind="stable")[:size]])


def _tsne(vectors: Float32, people: Int64, face_idx: Int64, seed: int) -> TsneEntry:
    """Return the map of (n, d) float32 unit vectors, the faces with (n,) int64 numbers."""
    n = len(vectors)
    apart = np.array([[0.0, 0.0], [1.0, 0.0]])
    first = fair_sample(people, SAMPLE if n > 2 * SAMPLE else n, seed)
    points = apart[:n] if n < 3 else tsne_places(vectors, first, seed)
    x, y = np.round(points, 3).T.tolist() if n else ([], [])
    return {
        "face_idx": face_idx.tolist(),
        "perplexity": round(perplexity_of(n), 2),
        "x": x,
        "y": y,
    }


def _histogram(vectors: Float32, people: Int64) -> HistogramEntry:
    """Count pairs per bin of cosine similarity, each pair once.

    Args:
        vectors: (n, d) float32 unit vectors.
        people: (n,) int64, the person of each, -1 for none: these are left out.
    """
    edges = np.linspace(-1.0, 1.0, HISTOGRAM_BINS + 1)
    counts = np.zeros((2, HISTOGRAM_BINS), np.int64)
    grouped = people >= 0
    vectors, people = vectors[grouped], people[grouped]
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK]
        similarities = np.clip(block @ vectors[start:].T, -1, 1)
        pairs = np.triu(np.ones(similarities.shape, bool), 1)
        same = people[start : start + _BLOCK, None] == people[None, start:]
        counts[0] += np.histogram(similarities[pairs & same], edges)[0]
        counts[1] += np.histogram(similarities[pairs & ~same], edges)[0]
    same_pairs, different_pairs = counts.tolist()
    return {
        "edges": np.round(edges, 6).tolist(),
        "same": same_pairs,
        "different": different_pairs,
    }


def _matrix(vectors: Float32, people: Int64) -> MatrixEntry:
    """Return the mean similarities of runs of faces, in the order of the people.

    The mean of a block of similarities is the product of the means of its rows.

    Args:
        vectors: (n, d) float32 unit vectors.
        people: (n,) int64, the person of each, -1 for none: these come last.
    """
    order = np.argsort(np.where(people < 0, np.iinfo(np.int64).max, people), kind="stable")
    side = min(MATRIX_SIDE, len(order))
    runs = np.split(order, np.linspace(0, len(order), side + 1).astype(int)[1:-1]) if side else []
    means = np.zeros((len(runs), vectors.shape[1]), np.float32)
    for row, run in enumerate(runs):
        means[row] = vectors[run].mean(axis=0)
    scaled = np.round(127 * np.clip(means @ means.T, -1, 1)).astype(np.int8)
    return {
        "side": len(runs),
        "group_idx": [int(people[run[0]]) for run in runs],
        "int8": b64encode(scaled.tobytes()).decode("ascii"),
    }
