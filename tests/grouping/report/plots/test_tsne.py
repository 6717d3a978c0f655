"""Places of faces in the plane, against scikit-learn and against who they are of."""

import numpy as np
from scipy.spatial import cKDTree
from sklearn.manifold import TSNE

from grouping.report.plots import tsne
from grouping.report.plots.plot_data import fair_sample, plot_data
from tests.helpers.results.album import face_set, unit_vectors


def together(places: np.ndarray, labels: np.ndarray) -> float:
    _, nearest = cKDTree(places).query(places, k=2)
    return float(np.mean(labels[nearest[:, 1]] == labels))


def divergence(points: np.ndarray, places: np.ndarray, perplexity: float) -> float:
    """Kullback and Leibler's, of the map: scikit-learn's, asked for no step that counts."""
    from scipy.spatial.distance import pdist
    from sklearn.manifold._t_sne import _joint_probabilities
    from sklearn.metrics import pairwise_distances

    wanted = _joint_probabilities(pairwise_distances(points, squared=True), perplexity, 0)
    near = 1 / (1 + pdist(places, "sqeuclidean"))
    return float(2 * np.sum(wanted * np.log(wanted / (near / (2 * near.sum())))))


def test_few_faces_are_placed_as_well_as_by_scikit_learn():
    labels = np.repeat(np.arange(12), 10)
    points = tsne.principal_components(unit_vectors(labels.tolist(), 0.9))
    start = np.random.default_rng(0).normal(0, 1e-4, (len(points), 2))
    perplexity = tsne.perplexity_of(len(points))
    theirs = TSNE(perplexity=perplexity, init=start, method="exact", random_state=0)
    ours = divergence(points, tsne.exact_tsne(points, start), perplexity)
    assert ours < 1.05 * divergence(points, theirs.fit_transform(points), perplexity)


def test_faces_beside_a_sample_come_to_their_people_too(monkeypatch):
    monkeypatch.setattr(tsne, "EXACT_MOST", 100)
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 40, 900)
    first = fair_sample(labels, 300, 0)
    vectors = unit_vectors(labels.tolist(), 0.7)
    places = tsne.tsne_places(vectors, first, 0)
    assert together(places, labels) > 0.97
    np.testing.assert_array_equal(places, tsne.tsne_places(vectors, first, 0))


def test_pairs_are_compared_of_a_sample_of_what_the_map_shows(monkeypatch):
    monkeypatch.setattr("grouping.report.plots.plot_data.MOST_COMPARED", 30)
    labels = np.arange(90) % 3
    plots = plot_data(face_set(unit_vectors(labels.tolist(), 0.5)), labels, 0.4)
    assert len(plots["tsne"]["face_idx"]) == 90
    assert sum(plots["histogram"]["same"]) + sum(plots["histogram"]["different"]) == 30 * 29 // 2
