"""Expected purity against the real one, on made-up groups whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.people.description.purity import expected_purity, two_people
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import Impostors
from tests.grouping.people.refinement.test_second_look import looks
from tests.helpers.vectors import face_set, hard_vectors, unit

IMPOSTORS = Impostors.of_threshold(0.38)


def purity_of(vectors: np.ndarray, labels: np.ndarray, people: int = 10) -> np.ndarray:
    return expected_purity(GroupSums(vectors.astype(np.float32), labels), IMPOSTORS, people)


def test_one_person_is_pure_and_two_are_not() -> None:
    vectors = np.concatenate([looks(0, 12), looks(1, 12)])
    assert (purity_of(vectors, np.repeat([0, 1], 12)) > 0.99).all()
    assert purity_of(vectors, np.zeros(24, int))[0] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("strangers", [1, 3, 5])
def test_strangers_in_a_group_count_as_what_they_are(strangers: int) -> None:
    vectors = np.concatenate([looks(2, 12), *(looks(10 + k, 1) for k in range(strangers))])
    expected = 12 / (12 + strangers)
    found = purity_of(vectors, np.zeros(12 + strangers, int))[0]
    assert found == pytest.approx(expected, abs=0.03)


def test_a_pair_is_half_wrong_where_it_is_two_people() -> None:
    alike, strangers = looks(3, 2, within=0.7), np.concatenate([looks(4, 1), looks(5, 1)])
    found = purity_of(np.concatenate([alike, strangers]), np.array([0, 0, 1, 1]))
    assert found.tolist() == pytest.approx([1, 0.5], abs=0.02)


def test_a_large_group_is_judged_by_a_sample_of_it() -> None:
    vectors = np.concatenate([looks(6, 900), looks(7, 300)])
    assert purity_of(vectors, np.zeros(1200, int))[0] == pytest.approx(0.75, abs=0.03)


def test_a_face_alone_is_a_pure_group() -> None:
    assert purity_of(unit(np.eye(3)), np.array([0, -1, 1])).tolist() == [1, 1]


def test_more_people_are_more_likely_to_be_mixed_up() -> None:
    cosine = np.array([0.3, 0.35, 0.4])
    few, many = (two_people(cosine, IMPOSTORS, people) for people in (5, 5000))
    assert (few < many).all()
    assert (np.diff(many) < 0).all()


def test_expected_is_the_share_found_on_hard_faces() -> None:
    vectors, person = hard_vectors(2500, seed=9)
    result = group_faces(face_set(vectors), GroupingRules(threshold=0.40))
    sizes = np.bincount(result.labels[result.labels >= 0])
    right = [np.bincount(person[result.labels == k]).max() for k in range(len(result))]
    expected = float((result.purity * sizes).sum() / sizes.sum())
    assert expected == pytest.approx(sum(right) / sizes.sum(), abs=0.04)


def test_at_a_threshold_that_is_too_low_purity_is_judged_by_the_right_one() -> None:
    vectors = np.concatenate([looks(8, 6, within=0.6), looks(9, 6, within=0.6)])
    shared = unit(vectors.sum(axis=0, keepdims=True))
    alike = unit(vectors + 0.75 * shared)  # two people who are alike: 0.30 on average
    faces = face_set(alike)
    low = GroupingRules(threshold=0.20, min_photos=1)
    told = GroupingRules(threshold=0.20, min_photos=1, measured=0.38)
    one = group_faces(faces, low)
    assert len(one) == len(group_faces(faces, told)) == 1
    assert group_faces(faces, told).purity[0] < one.purity[0]
