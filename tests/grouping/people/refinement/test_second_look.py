"""The second look at groups, on made-up people whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from grouping.people.person_groups import Candidates, PersonGroups
from grouping.people.refinement.second_look import attach_faces, join_groups, second_look
from grouping.similarity.impostors import Impostors
from tests.helpers.vectors import unit

IMPOSTORS = Impostors.of_threshold(0.38)
DIMENSION = 512
NO_PAIRS = np.zeros((0, 2), np.int64)


def looks(seed: int, *parts: int, alike: float = 0.60, within: float = 0.55) -> np.ndarray:
    """One person's faces in several looks: means of looks ``alike``, faces ``within`` a look."""
    chance = np.random.default_rng(seed)
    person, *own = unit(chance.standard_normal((1 + len(parts), DIMENSION)))
    rows = []
    for direction, count in zip(own, parts, strict=True):
        centre = np.sqrt(alike) * person + np.sqrt(1 - alike) * direction
        noise = unit(chance.standard_normal((count, DIMENSION)))
        rows.append(unit(np.sqrt(within) * centre + np.sqrt(1 - within) * noise))
    return np.concatenate(rows)


def candidates(vectors: np.ndarray, **columns: np.ndarray) -> Candidates:
    n = len(vectors)
    usual = Candidates(
        vectors=vectors.astype(np.float32),
        picture=np.arange(n),
        core=np.ones(n, bool),
        apart=NO_PAIRS,
        like_nobody=np.full((n, 2), -1, np.float32),
    )
    return replace(usual, **columns)


def parted(*sizes: int) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


def looked(faces: Candidates, labels: np.ndarray) -> np.ndarray:
    return second_look(faces, labels, np.ones(len(labels), bool), IMPOSTORS)


def test_two_looks_of_a_person_become_one_group() -> None:
    vectors = looks(0, 20, 20)
    assert (vectors[:20] @ vectors[20:].T).mean() < 0.38  # average linkage leaves them apart
    assert len(np.unique(looked(candidates(vectors), parted(20, 20)))) == 1


def test_two_people_stay_two() -> None:
    vectors = np.concatenate([looks(1, 20), looks(2, 20)])
    assert len(np.unique(looked(candidates(vectors), parted(20, 20)))) == 2


def test_a_lone_face_goes_to_its_person_and_a_stranger_to_nobody() -> None:
    person = looks(3, 21)
    vectors = np.concatenate([person, looks(4, 10), looks(5, 1)])
    labels = np.concatenate([np.zeros(20, int), [1], np.full(10, 2), [3]])
    found = looked(candidates(vectors), labels)
    assert found[20] == found[0]
    assert (found[31] == found[:31]).sum() == 0


@pytest.mark.parametrize("pair", [[0, 20], [19, 39], [39, 0]])
def test_what_a_person_keeps_apart_stays_apart(pair) -> None:
    faces = candidates(looks(0, 20, 20), apart=np.array([pair]))
    found = looked(faces, parted(20, 20))
    assert found[pair[0]] != found[pair[1]]


def test_a_lone_face_that_is_kept_apart_from_one_of_a_group_does_not_join_it() -> None:
    faces = candidates(looks(3, 21), apart=np.array([[20, 7]]))
    labels = np.concatenate([np.zeros(20, int), [1]])
    assert looked(faces, labels)[20] != 0


def test_two_faces_kept_apart_do_not_both_join_a_group() -> None:
    faces = candidates(looks(3, 22), apart=np.array([[20, 21]]))
    labels = np.concatenate([np.zeros(20, int), [1, 2]])
    found = looked(faces, labels)
    assert (found[20:] == found[0]).sum() == 1


def test_groups_that_share_photos_as_siblings_do_stay_apart() -> None:
    """Alike in their means and side by side: a half of how alike their own faces are."""
    vectors = looks(6, 20, 20, alike=0.5)
    side_by_side = np.concatenate([np.arange(20), np.arange(20) + 15])  # five photos hold both
    assert len(np.unique(looked(candidates(vectors), parted(20, 20)))) == 1
    faces = candidates(vectors, picture=side_by_side)
    assert len(np.unique(looked(faces, parted(20, 20)))) == 2


@pytest.mark.parametrize(("sharing", "groups"), [(1 / 3, 1), (0.0, 2)])
def test_one_person_twice_in_a_photo_is_told_by_the_faces(sharing: float, groups: int) -> None:
    vectors = looks(7, 40)
    collage = np.concatenate([np.arange(20), np.arange(20) + 18])  # two photos hold both
    faces = candidates(vectors, picture=collage, sharing=sharing)
    assert len(np.unique(looked(faces, parted(20, 20)))) == groups


def test_groups_in_nearly_the_same_photos_are_two_people_however_alike() -> None:
    faces = candidates(looks(7, 40), picture=np.tile(np.arange(20), 2))
    assert len(np.unique(looked(faces, parted(20, 20)))) == 2


def test_a_group_that_looks_like_no_face_is_dissolved() -> None:
    vectors = np.concatenate([looks(8, 12), looks(9, 12)])
    nobody = unit(vectors[12:].sum(axis=0, keepdims=True))
    faces = candidates(vectors, like_nobody=(vectors @ nobody.T).astype(np.float32))
    found = looked(faces, parted(12, 12))
    assert (found[:12] == found[0]).all()
    assert found[0] >= 0
    assert (found[12:] == -1).all()


def test_a_face_nearer_to_no_face_than_to_a_group_stays_out() -> None:
    vectors = looks(3, 21)
    like_nobody = np.full((21, 1), -1, np.float32)
    like_nobody[20] = 0.9
    labels = np.concatenate([np.zeros(20, int), [1]])
    faces = candidates(vectors, like_nobody=like_nobody)
    assert attach_faces(faces, labels, np.ones(21, bool), IMPOSTORS)[1] == 0


def test_weak_faces_do_not_say_what_a_group_looks_like() -> None:
    person, other = looks(10, 10), looks(11, 10)
    labels = np.zeros(20, np.int64)
    core = np.arange(20) < 10
    groups = PersonGroups(candidates(np.concatenate([person, other]), core=core), labels)
    expected = unit(person.sum(axis=0, keepdims=True))
    assert groups.directions == pytest.approx(expected, abs=1e-5)


def test_numbers_of_a_group_by_their_definition() -> None:
    vectors = looks(12, 5, 7)
    picture = np.array([0, 0, 1, 2, 3, 3, 4, 5, 5, 5, 6, 7])
    groups = PersonGroups(candidates(vectors, picture=picture), parted(5, 7))
    products = vectors @ vectors.T
    assert groups.within[0] == pytest.approx(products[:5, :5][np.triu_indices(5, 1)].mean())
    between = groups.between(np.array([0]), np.array([1]))[0]
    assert between == pytest.approx(products[:5, 5:].mean(), abs=1e-6)
    assert groups.pictures.tolist() == [4, 5]
    assert groups.twice.tolist() == [1, 1]
    assert groups.holds(1, 3)
    assert not groups.holds(1, 0)


def test_the_order_of_faces_and_labels_does_not_matter() -> None:
    sizes = (9, 4, 1, 1, 12, 1, 6)
    vectors = np.concatenate([looks(20, 9, 4, 1), looks(21, 1), looks(22, 12, 1), looks(23, 6)])
    labels = parted(*sizes)
    first = looked(candidates(vectors), labels)
    chance = np.random.default_rng(0)
    for _ in range(5):
        order = chance.permutation(len(labels))
        renamed = chance.permutation(len(sizes))[labels]
        again = looked(candidates(vectors[order]), renamed[order])
        same = first[order][:, None] == first[order][None, :]
        assert np.array_equal(again[:, None] == again[None, :], same)


def test_of_many_people_more_is_asked_than_of_few() -> None:
    """The best of many strangers is alike: what joins two groups of few does not among many."""
    pair = looks(30, 6, 6, alike=0.50, within=0.6)
    others = [looks(100 + seed, 3) for seed in range(400)]
    alone = join_groups(candidates(pair), parted(6, 6), IMPOSTORS)[1]
    crowd = candidates(np.concatenate([pair, *others]))
    among_many = join_groups(crowd, parted(6, 6, *[3] * 400), IMPOSTORS)[1]
    assert (alone, among_many) == (1, 0)


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_look_at(n: int) -> None:
    faces = candidates(unit(np.ones((n, DIMENSION))))
    assert looked(faces, np.full(n, -1)).tolist() == [-1] * n


def test_faces_that_a_person_linked_stay_together_however_blurred() -> None:
    vectors = looks(3, 6)
    faces = candidates(vectors, like_nobody=np.ones((6, 2), np.float32))
    waiting = np.array([False, False, True, True, True, True])
    assert second_look(faces, parted(6), waiting, IMPOSTORS).tolist() == [0, 0, -1, -1, -1, -1]
