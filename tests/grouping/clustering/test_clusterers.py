"""One contract for all clusterers."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.clustering.clusterers import AverageLinkage, Clusterer, Hdbscan
from grouping.clustering.constraints import Constraints
from grouping.errors import InputError
from tests.helpers.vectors import bcubed, hard_vectors, unit

ALL = [AverageLinkage(0.4), AverageLinkage(0.4, judged=False), Hdbscan(0.4)]
each_clusterer = pytest.mark.parametrize("clusterer", ALL, ids=repr)


@each_clusterer
@pytest.mark.parametrize("n", [0, 1, 2, 3, 400])
def test_labels_are_contiguous_and_sorted_by_size(clusterer: Clusterer, n: int) -> None:
    vectors, _ = hard_vectors(400, seed=1)
    labels = clusterer.fit_predict(vectors[:n])
    assert labels.shape == (n,)
    assert labels.dtype == np.int64
    sizes = np.bincount(labels[labels >= 0])
    assert (sizes >= 2).all()
    assert (np.diff(sizes) <= 0).all()
    assert (labels >= -1).all()


@each_clusterer
def test_two_equal_vectors_are_one_cluster(clusterer: Clusterer) -> None:
    assert clusterer.fit_predict(unit(np.ones((2, 8)))).tolist() == [0, 0]


@each_clusterer
def test_repeatable_and_input_unchanged(clusterer: Clusterer) -> None:
    vectors, _ = hard_vectors(300, seed=2)
    links = Constraints(must_link=np.array([[0, 1]]), cannot_link=np.array([[2, 3]]))
    before = [a.copy() for a in (vectors, links.must_link, links.cannot_link)]
    first, second = (clusterer.fit_predict(vectors, links) for _ in range(2))
    assert np.array_equal(first, second)
    for old, new in zip(before, (vectors, links.must_link, links.cannot_link), strict=True):
        assert np.array_equal(old, new)


@each_clusterer
@pytest.mark.parametrize("ties", [False, True])
def test_invariant_under_permutation(clusterer: Clusterer, ties: bool) -> None:
    vectors, _ = hard_vectors(300, seed=3)
    if ties:  # the corners of a simplex: all similarities between them are one number
        vectors[:16] = unit(np.eye(16, vectors.shape[1]) + 0.25)
        vectors[16:40] = vectors[:24]
    labels = clusterer.fit_predict(vectors)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(vectors))
        assert np.array_equal(clusterer.fit_predict(vectors[order]), labels[order])


@each_clusterer
def test_constraints_hold(clusterer: Clusterer) -> None:
    vectors, person = hard_vectors(300, seed=5)
    big = np.flatnonzero(clusterer.fit_predict(vectors) == 0)
    stranger = np.flatnonzero(person != person[big[0]])[0]
    links = Constraints(np.array([[big[0], stranger]]), np.array([[big[0], big[1]]]))
    labels = clusterer.fit_predict(vectors, links)
    assert labels[big[0]] == labels[stranger] >= 0
    assert labels[big[0]] != labels[big[1]]


@each_clusterer
def test_people_are_found(clusterer: Clusterer) -> None:
    vectors, person = hard_vectors(1500, seed=6)
    assert bcubed(person, clusterer.fit_predict(vectors))[2] > 0.93


@each_clusterer
@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_vectors_without_direction_are_refused(clusterer: Clusterer, value: float) -> None:
    vectors, _ = hard_vectors(10)
    vectors[3] = value
    with pytest.raises(InputError, match="row 3"):
        clusterer.fit_predict(vectors)
