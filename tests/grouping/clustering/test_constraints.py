"""What is known beforehand is obeyed, and is refused where it has no shape."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.clustering.constraints import Constraints
from grouping.errors import InputError
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from tests.helpers.vectors import face_set, unit


def test_links_among_some_faces_are_renumbered() -> None:
    links = Constraints(np.array([[0, 3], [1, 4]]), np.array([[3, 4], [0, 1]]), np.array([2]))
    among = links.among(np.array([0, 3, 4]), 5)
    assert among.must_link.tolist() == [[0, 1]]
    assert among.cannot_link.tolist() == [[1, 2]]
    assert len(among.ignore) == 0


def test_neighbours_are_on_both_sides_of_a_cannot_link() -> None:
    links = Constraints(np.array([[0, 9]]), np.array([[3, 4], [4, 1], [3, 4]]))
    assert links.neighbours() == {1: {4}, 3: {4}, 4: {1, 3}}
    assert Constraints().neighbours() == {}


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="must_link"):
        Constraints(must_link=np.zeros(3, np.int64))
    with pytest.raises(InputError, match="ignore"):
        Constraints(ignore=np.zeros((2, 2), np.int64))


@pytest.fixture
def person() -> np.ndarray:
    """Ten faces of one person: all similarities about 0.7."""
    rng = np.random.default_rng(4)
    return unit(unit(rng.standard_normal((1, 64))) * 1.5 + unit(rng.standard_normal((10, 64))))


def test_links_and_ignored_faces_are_obeyed(person: np.ndarray) -> None:
    stranger = unit(np.random.default_rng(9).standard_normal((1, 64)))
    faces = face_set(np.concatenate([person, stranger]))
    links = Constraints(np.array([[0, 10]]), np.array([[1, 2]]), np.array([3]))
    labels = group_faces(faces, GroupingRules(threshold=0.4, min_photos=1), links).labels
    assert labels[0] == labels[10] >= 0
    assert labels[1] != labels[2]
    assert labels[3] == -1
    assert group_faces(faces, GroupingRules(threshold=0.4)).labels.tolist() == [0] * 10 + [-1]
