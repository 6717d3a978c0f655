"""The face that a photo of one person means is taken only where that is clear."""

import numpy as np
import pytest

from grouping.people.identify.only_face import only_face
from tests.helpers.vectors import face_set, unit


def faces(sides, quality=None, vectors=None, places=None):
    n = len(sides)
    if vectors is None:
        vectors = unit(np.random.default_rng(0).standard_normal((n, 64)))
    left = np.array(places if places is not None else 500.0 * np.arange(n))
    side = np.array(sides, float)
    boxes = np.stack([left, 0 * left, left + side, side], axis=1)
    return face_set(vectors, np.zeros(n), quality, boxes)


def test_no_face():
    assert only_face(faces([])).problem == "no face"


def test_one_face_is_meant_however_poor():
    assert only_face(faces([20], [0.01])).row == 0


@pytest.mark.parametrize("sides", [[100, 90], [90, 100], [100, 60], [60, 100, 20]])
def test_two_people_about_as_large_are_not_told_apart(sides):
    found = only_face(faces(sides))
    assert found.row is None
    assert found.problem.startswith("two faces")


def test_three_people():
    assert only_face(faces([100, 90, 80])).problem.startswith("three faces")


def test_one_by_far_the_largest_is_taken_and_told():
    found = only_face(faces([40, 200, 90]))
    assert found.row == 1
    assert found.remark == "of 3 faces the clear one, by far the largest, at 600, 100"


def test_a_large_blur_is_not_meant_where_somebody_is_clear():
    assert only_face(faces([300, 100], [0.05, 0.9])).row == 1


def test_one_face_twice_in_a_mirror_is_one():
    vector = unit(np.random.default_rng(1).standard_normal((1, 64)))
    found = only_face(faces([90, 100], vectors=np.repeat(vector, 2, axis=0)))
    assert found.row == 1


def test_one_face_found_twice_at_its_place_is_one():
    assert only_face(faces([100, 90], places=[0.0, 5.0])).row == 0
