"""Which faces of one photo may be one person."""

from __future__ import annotations

import tracemalloc
from itertools import combinations

import numpy as np
import pytest

from grouping.clustering.constraints import Constraints
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from grouping.people.same_photo import SAME_PRINT, first_of_each, pictures_apart, same_photo_pairs
from grouping.similarity.content_rank import content_rank
from tests.helpers.vectors import face_set, hard_vectors, unit


def as_set(pairs: np.ndarray) -> set[tuple[int, int]]:
    return {(min(p), max(p)) for p in pairs.tolist()}


def test_every_pair_of_a_photo_and_no_other() -> None:
    vectors, _ = hard_vectors(60, seed=1)
    photos = np.random.default_rng(0).integers(0, 15, 60)
    pairs = same_photo_pairs(face_set(vectors, photos), allow_same_face=False)
    expected = {(i, j) for i in range(60) for j in range(i + 1, 60) if photos[i] == photos[j]}
    assert as_set(pairs) == expected
    assert len(pairs) == len(expected)


def similar_pair(similarity: float) -> np.ndarray:
    return unit(np.array([[1, 0, 0, 0], [similarity, np.sqrt(1 - similarity**2), 0, 0]]))


@pytest.mark.parametrize(("similarity", "apart"), [(0.3, True), (0.8, True), (0.95, False)])
def test_twins_are_kept_apart_and_mirror_images_are_not(similarity: float, apart: bool) -> None:
    faces = face_set(similar_pair(similarity), np.zeros(2))
    assert (len(same_photo_pairs(faces)) == 1) is apart
    assert len(same_photo_pairs(faces, allow_same_face=False)) == 1


def test_one_face_detected_twice_may_be_one_person() -> None:
    boxes = np.array([[10, 10, 60, 60], [15, 12, 66, 60]])
    faces = face_set(similar_pair(0.7), np.zeros(2), boxes=boxes)
    assert len(same_photo_pairs(faces)) == 0
    assert len(same_photo_pairs(faces, allow_same_face=False)) == 1


def test_a_photo_imported_many_times_is_listed_once() -> None:
    vectors = np.tile(hard_vectors(20, seed=2)[0], (500, 1))
    pairs = same_photo_pairs(face_set(vectors, np.repeat(np.arange(500), 20)))
    assert len(pairs) == 190
    assert as_set(content_rank(vectors)[pairs]) == set(combinations(range(20), 2))


@pytest.fixture
def person() -> np.ndarray:
    """Ten faces of one person: all similarities about 0.7."""
    rng = np.random.default_rng(4)
    return unit(unit(rng.standard_normal((1, 64))) * 1.5 + unit(rng.standard_normal((10, 64))))


def test_same_photo_is_decided_inside_the_clustering(person: np.ndarray) -> None:
    photos = np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
    law = GroupingRules(threshold=0.4, min_photos=1, allow_same_face=False)
    labels = group_faces(face_set(person, photos), law).labels
    assert labels[0] != labels[1]
    free = group_faces(
        face_set(person, photos),
        GroupingRules(threshold=0.4, min_photos=1, one_face_per_photo=False),
    )
    assert (free.labels == 0).all()


def collage_of(people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Four photos of one face each, and one photo made of all four."""
    prints = unit(people[:4] + 0.005 * np.random.default_rng(1).standard_normal((4, 64)))
    return np.concatenate([people[:4], prints]), np.array([0, 1, 2, 3, 4, 4, 4, 4])


def test_a_collage_of_own_photos_shows_one_person(person: np.ndarray) -> None:
    vectors, photos = collage_of(person)
    assert ((vectors[:4] * vectors[4:]).sum(axis=1) > SAME_PRINT).all()
    assert (group_faces(face_set(vectors, photos), GroupingRules(threshold=0.4)).labels == 0).all()


def test_pictures_of_a_collage_are_told_from_a_burst(person: np.ndarray) -> None:
    vectors, photos = collage_of(person)
    labels = np.tile(np.arange(4), 2)
    assert len(np.unique(pictures_apart(vectors, photos, labels))) == 8
    # Two people in two frames of a burst are seen again, but together.
    burst = np.array([0, 0, 1, 1])
    frames = vectors[[0, 1, 4, 5]]
    assert pictures_apart(frames, burst, np.array([0, 1, 0, 1])).tolist() == burst.tolist()


def test_a_must_link_overrides_the_photo(person: np.ndarray) -> None:
    faces = face_set(person, np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, 8]))
    links = Constraints(must_link=np.array([[0, 1]]))
    assert (group_faces(faces, GroupingRules(threshold=0.4), links).labels == 0).all()


def test_of_identical_faces_the_first_is_told_by_what_their_pictures_show():
    vectors = unit(np.random.default_rng(0).standard_normal((4, 8)))[[0, 0, 1, 0, 2]]
    picture, member = np.array([0, 1, 1, 2, 2]), np.array([0, 0, 1, 0, 2])
    first = first_of_each(face_set(vectors, picture), picture, member)
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(5)
        again = first_of_each(
            face_set(vectors[order], picture[order]), picture[order], member[order]
        )
        assert order[again].tolist() == first.tolist()


def test_the_frames_of_a_film_are_no_collages_and_cost_little_memory() -> None:
    rng = np.random.default_rng(0)
    two = np.repeat(unit(rng.standard_normal((2, 64))), 1500, axis=0)
    vectors = unit(two + 0.15 * unit(rng.standard_normal((3000, 64))))
    picture, labels = np.tile(np.arange(1500), 2), np.repeat([0, 1], 1500)
    tracemalloc.start()
    assert np.array_equal(pictures_apart(vectors, picture, labels), picture)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
