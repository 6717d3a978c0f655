"""What the pictures of embeddings are drawn from, against scipy."""

import json
from base64 import b64decode

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from grouping.errors import InputError
from grouping.report.plots.plot_data import fair_sample, plot_data
from tests.helpers.results.album import face_set, unit_vectors


def computed(labels: list[int], noise: float = 0.8, **options) -> dict:
    vectors = unit_vectors(labels, noise)
    return plot_data(face_set(vectors), np.array(labels, np.int64), 0.4, **options)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 60])
def test_every_face_gets_a_finite_place_of_its_own(n):
    data = computed([i % 2 for i in range(n)])
    places = set(zip(data["tsne"]["x"], data["tsne"]["y"], strict=True))
    assert data["tsne"]["face_idx"] == list(range(n))
    assert len(places) == n
    assert np.isfinite(list(places)).all()
    json.dumps(data, allow_nan=False)


def test_three_hundred_copies_of_one_face_have_finite_places():
    vectors = np.repeat(unit_vectors([0], 0.0), 300, axis=0)
    data = plot_data(face_set(vectors), np.zeros(300, np.int64), 0.4)
    assert np.isfinite([data["tsne"]["x"], data["tsne"]["y"]]).all()


def test_people_that_are_far_apart_are_neighbours_of_themselves_on_the_map():
    labels = [i // 12 for i in range(96)]
    tsne = computed(labels, noise=0.5)["tsne"]
    points = np.array([tsne["x"], tsne["y"]]).T
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    nearest = gaps.argmin(axis=1)
    assert np.mean(np.array(labels)[nearest] == np.array(labels)) == 1.0


def test_the_same_faces_and_seed_give_the_same_map():
    assert computed([0, 0, 1, 1, -1] * 8) == computed([0, 0, 1, 1, -1] * 8)


def test_histogram_counts_every_pair_of_grouped_faces_once():
    labels = np.array([0] * 9 + [1] * 5 + [2] * 3 + [-1] * 4)
    vectors = unit_vectors(labels.tolist(), 1.0)
    data = plot_data(face_set(vectors), labels, 0.4)["histogram"]
    known = labels >= 0
    similarities = 1 - pdist(vectors[known].astype(np.float64), "cosine")
    same = pdist(labels[known, None].astype(float), "cityblock") == 0
    assert sum(data["same"]) == 36 + 10 + 3
    assert sum(data["different"]) == len(same) - 49
    for kind, pairs in (("same", same), ("different", ~same)):
        expected, _ = np.histogram(similarities[pairs], data["edges"])
        moved = np.abs(np.cumsum(expected) - np.cumsum(data[kind])).max()
        assert moved <= 1  # float32 may put one pair into the neighbouring bin


def test_pairs_are_counted_across_blocks_too(monkeypatch):
    monkeypatch.setattr("grouping.report.plots.plot_data._BLOCK", 40)
    n = 100
    counts = computed([0] * n, noise=0.5)["histogram"]
    assert sum(counts["same"]) == n * (n - 1) // 2


def test_matrix_of_few_faces_holds_their_cosines_in_the_order_of_groups():
    labels = np.array([1, -1, 0, 1, 0])
    vectors = unit_vectors(labels.tolist(), 0.5)
    matrix = plot_data(face_set(vectors), labels, 0.4)["matrix"]
    values = np.frombuffer(b64decode(matrix["int8"]), np.int8).reshape(5, 5) / 127
    order = [2, 4, 0, 3, 1]
    assert matrix["group_idx"] == [0, 0, 1, 1, -1]
    np.testing.assert_allclose(values, vectors[order] @ vectors[order].T, atol=0.5 / 127 + 1e-6)


def test_matrix_of_many_faces_is_averaged_to_its_largest_side():
    labels = np.repeat(np.arange(2), 220)
    matrix = computed(labels.tolist(), noise=0.1)["matrix"]
    values = np.frombuffer(b64decode(matrix["int8"]), np.int8).reshape(matrix["side"], -1) / 127
    assert matrix["side"] == 400
    assert matrix["group_idx"] == [0] * 200 + [1] * 200
    assert values[:200, :200].min() > 0.9
    assert values[:200, 200:].max() < 0.5


def test_a_sample_keeps_everybody_and_the_proportions():
    labels = np.array([0] * 6000 + [1] * 3000 + [2] * 2 + [-1] * 998)
    sample = fair_sample(labels, 1000, seed=3)
    share = {g: int(np.sum(labels[sample] == g)) for g in (0, 1, 2, -1)}
    assert len(sample) == len(set(sample.tolist())) == 1000
    assert share[2] >= 1
    assert share[0] == pytest.approx(600, abs=2)
    assert share[1] == pytest.approx(300, abs=2)
    assert share[-1] == pytest.approx(100, abs=2)


def test_labels_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"shape \(2,\)"):
        plot_data(face_set(unit_vectors([0, 1], 0.1)), np.zeros(3, np.int64), 0.4)
