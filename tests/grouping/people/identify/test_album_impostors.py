"""False-match rates of an album are counted on pairs that are strangers, with their doubt."""

import numpy as np
import pytest
from scipy.stats import binomtest

from grouping.people.identify.album_impostors import (
    Rate,
    impostors_of,
    look_ups_of_strangers,
    stranger_pairs,
)
from grouping.people.identify.look_up import AlbumPeople, look_up
from grouping.similarity.impostors import Impostors
from tests.helpers.vectors import face_set, hard_vectors, unit


@pytest.mark.parametrize(("count", "of"), [(0, 10), (3, 10), (10, 10), (1, 5000), (0, 1)])
def test_the_interval_is_the_exact_binomial_one(count, of):
    found = Rate.counted(count, of)
    exact = binomtest(count, of).proportion_ci(0.95, method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    assert found.share == count / of


def test_nothing_counted_says_nothing():
    assert Rate.counted(0, 0) == Rate(0, 0, 0.0, 1.0)
    assert Rate.counted(0, 0).share == 0


def test_many_pairs_of_few_faces_say_as_much_as_the_faces():
    crowd = Rate.counted(10, 435, opinions=30)
    assert crowd.high - crowd.low > 2 * (Rate.counted(10, 435).high - Rate.counted(10, 435).low)


def faces_of(photos, dim=64, seed=0):
    vectors = unit(np.random.default_rng(seed).standard_normal((len(photos), dim)))
    return face_set(vectors, photos)


NOBODY = np.full(6, -1)


def test_pairs_are_those_of_each_photo():
    faces = faces_of([0, 0, 0, 1, 2, 2])
    found = stranger_pairs(faces, NOBODY, faces.photo_index.astype(np.int64))
    cosines = faces.embeddings @ faces.embeddings.T
    wanted = [cosines[0, 1], cosines[0, 2], cosines[1, 2], cosines[4, 5]]
    assert sorted(found.similarity.tolist()) == pytest.approx(sorted(wanted), abs=1e-6)
    assert found.faces == 5
    assert found.rate(-1).count == 4
    assert found.rate(2).count == 0


def test_copies_count_once():
    faces = faces_of([0, 0, 1, 1, 2, 2])
    picture = np.array([0, 0, 0, 0, 2, 2])
    assert len(stranger_pairs(faces, NOBODY, picture).similarity) == 2


def test_a_photo_with_a_mirror_is_left_out():
    vectors = unit(np.random.default_rng(0).standard_normal((6, 64)))
    vectors[1] = unit(vectors[:1] + 0.01 * vectors[1:2])[0]
    faces = face_set(vectors, [0, 0, 0, 1, 1, 1])
    assert len(stranger_pairs(faces, NOBODY, faces.photo_index.astype(np.int64)).similarity) == 3


def test_a_photo_that_shows_a_person_twice_is_left_out():
    faces = faces_of([0, 0, 0, 1, 1, 1])
    labels = np.array([4, 4, -1, 4, 0, -1])
    assert len(stranger_pairs(faces, labels, faces.photo_index.astype(np.int64)).similarity) == 3


def test_crowds_and_blurs_are_left_out():
    faces = faces_of([0] * 40 + [1, 1, 1])
    faces.quality[42] = 0.1
    found = stranger_pairs(faces, np.full(43, -1), faces.photo_index.astype(np.int64))
    assert len(found.similarity) == 1


def test_no_photo_of_two():
    faces = faces_of([0, 1, 2])
    found = stranger_pairs(faces, np.full(3, -1), faces.photo_index.astype(np.int64))
    assert found.rate(0.4) == Rate(0, 0, 0.0, 1.0)


def test_look_ups_are_those_of_an_album_without_the_person():
    vectors, labels = hard_vectors(600, seed=2)
    # Of two faces none is the more typical one.
    labels = np.where(np.bincount(labels)[labels] > 2, labels, -1)
    labels[labels >= 0] = np.unique(labels[labels >= 0], return_inverse=True)[1]
    faces = face_set(vectors)
    picture = faces.photo_index.astype(np.int64)
    people = AlbumPeople.of(faces, labels, Impostors(0.0, 0.044))
    allowed = 0.2
    found = look_ups_of_strangers(people, faces, picture, allowed)
    named = asked = 0
    for group in range(labels.max() + 1):
        rows = np.flatnonzero(labels == group)
        mean = people.directions[group]
        typical = rows[(vectors[rows] @ mean).argmax()]
        answer = look_up(people.without(rows), vectors[typical], allowed)
        named, asked = named + (answer.group >= 0 or len(answer.alone) > 0), asked + 1
    for row in np.flatnonzero(labels < 0):
        answer = look_up(people.without(np.array([row])), vectors[row], allowed)
        named, asked = named + (answer.group >= 0 or len(answer.alone) > 0), asked + 1
    assert (found.count, found.of) == (named, asked)
    assert 0 < named < asked


def test_an_album_that_tells_nothing_has_the_network_s_numbers():
    faces = faces_of([0, 1])
    found, told_by = impostors_of(faces, np.array([-1, -1]), 0.38)
    assert (found, told_by) == (Impostors.of_threshold(0.38), 0)


def test_many_people_tell_how_alike_they_are():
    vectors = unit(np.random.default_rng(0).standard_normal((500, 100)))
    found, told_by = impostors_of(face_set(vectors), np.full(500, -1), None)
    assert told_by == 500
    assert found.spread == pytest.approx(0.1, rel=0.05)
