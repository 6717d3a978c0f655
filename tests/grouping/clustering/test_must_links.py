"""Must-links join groups and win over photos, not over each other."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from grouping.clustering.constraints import Constraints, extend_cannot_links
from grouping.clustering.micro_clusters import MicroClusters
from grouping.clustering.must_links import join_linked_clusters
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from tests.helpers.vectors import face_set, unit

NO_PAIRS = np.zeros((0, 2), np.int64)


def as_set(pairs: np.ndarray) -> set[tuple[int, int]]:
    return {tuple(sorted(pair)) for pair in pairs.tolist()}


def linked_with(must: np.ndarray, n: int) -> list[set[int]]:
    """For each of ``n`` all that must be with it; one and the same set for all of them."""
    together = [{vertex} for vertex in range(n)]
    for a, b in must.tolist():
        for vertex in (both := together[a] | together[b]):
            together[vertex] = both
    return together


def people(count: int, faces: int, seed: int = 0) -> np.ndarray:
    """``count`` people of ``faces`` faces each, one after the other."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((count, 128))).repeat(faces, axis=0)
    return unit(1.6 * centres + unit(rng.standard_normal((count * faces, 128))))


def test_what_one_cannot_be_with_none_of_its_linked_can_be_with() -> None:
    must = np.array([[0, 1], [1, 2], [4, 5]])
    extended = extend_cannot_links(np.array([[0, 3], [2, 4], [0, 2], [3, 6]]), must, 7)
    expected = {(a, 3) for a in (0, 1, 2)} | {(a, b) for a in (0, 1, 2) for b in (4, 5)}
    assert as_set(extended) == expected | {(3, 6)}
    assert as_set(extend_cannot_links(np.array([[1, 0]]), NO_PAIRS, 3)) == {(0, 1)}


@pytest.mark.parametrize("seed", range(20))
def test_cannot_links_are_extended_as_the_rule_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    must, cannot = (rng.integers(0, 30, (size, 2)) for size in (12, 25))
    together = linked_with(must, 30)
    expected = {
        tuple(sorted((one, other)))
        for a, b in cannot.tolist()
        if together[a] is not together[b]
        for one in together[a]
        for other in together[b]
    }
    assert as_set(extend_cannot_links(cannot, must, 30)) == expected


def test_many_links_between_two_people_take_little_memory() -> None:
    """Two people in the same 400 photos, all their faces linked."""
    chain = np.arange(399)
    must = np.stack([np.append(chain, chain + 400), np.append(chain, chain + 400) + 1], axis=1)
    cannot = np.stack([np.arange(400), np.arange(400) + 400], axis=1)
    tracemalloc.start()
    extended = extend_cannot_links(cannot, must, 800)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(extended) == 400 * 400
    assert peak < 50e6


def test_people_of_different_names_stay_apart_whatever_is_linked() -> None:
    """Anna's face 3 and Ben's face 7 are said to be one person: they move, nobody else does."""
    faces = face_set(people(2, 4))
    names = np.array([[0, 1], [4, 5]])
    links = Constraints(np.concatenate([names, [[3, 7]]]), cannot_link=np.array([[0, 4]]))
    labels = group_faces(faces, GroupingRules(threshold=0.4), links).labels
    assert labels[3] == labels[7]
    assert labels[0] == labels[1] == labels[2] >= 0
    assert labels[4] == labels[5] == labels[6] >= 0
    assert labels[0] != labels[4]


@pytest.mark.parametrize("seed", range(30))
def test_what_is_linked_is_together_and_what_is_kept_apart_is_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    faces = face_set(people(4, 5, seed))
    must = rng.integers(0, 20, (8, 2))
    together = linked_with(must, 20)
    linked = sorted(set(must.ravel().tolist()))
    cannot = rng.choice(linked, (4, 2))
    cannot = cannot[[together[a] is not together[b] for a, b in cannot.tolist()]]
    links = Constraints(must, cannot)
    labels = group_faces(faces, GroupingRules(threshold=0.4, min_photos=1), links).labels
    assert all(labels[a] == labels[b] >= 0 for a, b in must.tolist())
    assert not any(labels[a] == labels[b] for a, b in cannot.tolist())


def test_two_unlike_groups_become_one_with_all_their_faces() -> None:
    faces = face_set(people(2, 4))
    links = Constraints(must_link=np.array([[0, 5]]))
    assert group_faces(faces, GroupingRules(threshold=0.4)).labels.max() == 1
    assert group_faces(faces, GroupingRules(threshold=0.4), links).labels.tolist() == [0] * 8


def test_of_two_faces_of_a_photo_in_joined_groups_the_less_similar_leaves() -> None:
    photos = np.array([0, 1, 2, 3, 4, 5, 3, 7])  # faces 3 and 6 are in one photo
    vectors = people(2, 4)
    links = Constraints(must_link=np.array([[0, 5]]))
    labels = group_faces(face_set(vectors, photos), GroupingRules(threshold=0.4), links).labels
    mean = vectors.mean(0)
    leaves = min((3, 6), key=lambda i: float(vectors[i] @ mean))
    assert labels[leaves] == -1
    assert (np.delete(labels, leaves) == 0).all()


def test_a_linked_face_stays_where_another_must_leave() -> None:
    must, cannot = np.array([[0, 1]]), np.array([[0, 2]])
    vertices = MicroClusters(people(1, 4), np.ones(4, np.int64), cannot, must)
    labels = join_linked_clusters(vertices, np.array([1, 0, 0, 0]))
    assert labels[0] == labels[1] == labels[3] == 0
    assert labels[2] == -1


def test_weak_and_lone_faces_follow_their_link() -> None:
    vectors = people(3, 1)
    faces = face_set(vectors, quality=np.array([0.01, 0.9, 0.9]))
    links = Constraints(must_link=np.array([[0, 1]]))
    assert group_faces(faces, GroupingRules(threshold=0.4), links).labels.tolist() == [0, 0, -1]


def test_without_links_nothing_changes() -> None:
    labels = np.array([2, -1, 0, 1])
    vertices = MicroClusters(people(1, 4), np.ones(4, np.int64), NO_PAIRS)
    joined = join_linked_clusters(vertices, labels)
    assert joined.tolist() == [2, -1, 0, 1]
