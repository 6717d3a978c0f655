"""Names for groups, from references: on vectors whose people are known."""

import numpy as np
import pytest

from grouping.clustering.constraints import Constraints
from grouping.people.group_faces import group_faces
from grouping.people.identify import known_people
from grouping.people.identify.known_people import KnownFaces, agreeing_parts
from grouping.people.rules import GroupingRules
from grouping.similarity.impostors import Impostors
from tests.helpers.vectors import face_set

RULES = GroupingRules(threshold=0.4)
DIMENSION = 512


def people(count, seed=0):
    """(count, 512) orthogonal centres."""
    rng = np.random.default_rng(seed)
    return np.linalg.qr(rng.normal(size=(DIMENSION, count)))[0].T


def faces_of(centres, who, likeness=0.8, seed=1):
    """Faces of people with a cosine of about ``likeness`` to their centre."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(len(who), DIMENSION)) / np.sqrt(DIMENSION)
    vectors = likeness * centres[who] + np.sqrt(1 - likeness**2) * noise
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def known(person, vectors, n, named=None):
    """References, and the names given to ``n`` faces of an album."""
    told = np.full(n, -1) if named is None else np.array(named)
    return KnownFaces(np.array(person), face_set(vectors), told)


def test_names_go_to_their_groups_and_nobody_else_gets_one():
    centres = people(6)
    who = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3])
    album = face_set(faces_of(centres, who))
    roster = known([7, 2, 5], faces_of(centres, [1, 0, 5], seed=2), len(who))
    plain = group_faces(album, RULES)
    grouping = group_faces(album, RULES, known=roster)
    assert grouping.labels.tolist() == plain.labels.tolist()
    name_of = dict(zip(who.tolist(), np.append(grouping.person, -9)[grouping.labels], strict=True))
    assert name_of == {0: 2, 1: 7, 2: -1, 3: -9}
    assert np.array_equal(grouping.similarity, plain.similarity, equal_nan=True)
    assert (grouping.purity == plain.purity).all()


def test_one_picture_is_enough_for_somebody_known():
    centres = people(40)
    who = np.array([0, 1, 1, *range(2, 40)])
    album = face_set(faces_of(centres, who))
    roster = known([0], faces_of(centres, [0], seed=2), len(who))
    assert group_faces(album, RULES).labels[0] == -1
    grouping = group_faces(album, RULES, known=roster)
    assert grouping.person.tolist() == [-1, 0]
    assert np.flatnonzero(grouping.labels == 1).tolist() == [0]


def test_the_order_of_faces_and_references_does_not_matter():
    centres = people(30)
    rng = np.random.default_rng(5)
    who = rng.integers(0, 20, 120)
    vectors = faces_of(centres, who, likeness=0.68)
    person = np.repeat(np.arange(30), 2)
    references = faces_of(centres, person, likeness=0.68, seed=9)
    expected = None
    for _ in range(4):
        order, other = rng.permutation(len(who)), rng.permutation(len(person))
        roster = known(person[other], references[other], len(who))
        grouping = group_faces(face_set(vectors[order], order), RULES, known=roster)
        names = np.append(grouping.person, -9)[grouping.labels]
        found = names[np.argsort(order)].tolist()
        assert expected in (None, found)
        expected = found
    assert np.mean(np.array(expected) == who) > 0.9


def test_two_who_are_known_never_share_a_group():
    """Twins: the linkage alone would put them together."""
    centre = people(1)
    album = face_set(faces_of(centre, [0] * 8, likeness=0.9))
    references = faces_of(centre, [0, 0], likeness=0.9, seed=4)
    assert len(group_faces(album, RULES)) == 1
    grouping = group_faces(album, RULES, known=known([0, 1], references, 8))
    assert grouping.person.tolist() in ([0], [1])  # one of them; the other is not found
    named = [0, *[-1] * 6, 1]  # somebody says that both are there
    grouping = group_faces(album, RULES, known=known([0, 1], references, 8, named))
    assert sorted(grouping.person.tolist()) == [0, 1]
    assert grouping.labels[0] != grouping.labels[7]


def test_where_pairs_are_too_many_to_keep_apart_groups_are_taken_apart_in_the_end(monkeypatch):
    monkeypatch.setattr(known_people, "MOST_PAIRS", 1e-12)
    centre = people(1)
    album = face_set(faces_of(centre, [0] * 8, likeness=0.9))
    references = faces_of(centre, [0, 0], likeness=0.9, seed=4)
    grouping = group_faces(album, RULES, known=known([0, 1], references, 8))
    assert sorted(grouping.person[grouping.person >= 0].tolist()) == [0, 1]
    closer = (album.embeddings @ references.T).argmax(axis=1)
    for label, person in enumerate(grouping.person.tolist()):
        assert set(closer[grouping.labels == label]) == {person}


def test_references_of_one_name_that_disagree_do_not_join_two_people():
    centres = people(2)
    who = [0, 0, 0, 1, 1]
    album = face_set(faces_of(centres, who))
    roster = known([0, 0], faces_of(centres, [0, 1], seed=2), 5)
    assert len(set(agreeing_parts(roster, Impostors.of_threshold(0.4)))) == 2
    grouping = group_faces(album, RULES, known=roster)
    assert grouping.labels.tolist() == [0, 0, 0, 1, 1]
    assert grouping.person.tolist() == [0, -1]  # the larger one; nobody is called so twice


def test_names_given_in_the_album_win():
    centres = people(2)
    who = [0, 0, 0, 1, 1, 1]
    album = face_set(faces_of(centres, who))
    references = faces_of(centres, [0, 1], seed=2)
    # Somebody says that the first face is person 1, and that the last is nobody of the list.
    must = Constraints(must_link=np.array([[0, 1], [1, 2]]))
    named = [1, 1, 1, -1, -1, 9]
    grouping = group_faces(album, RULES, must, known=known([0, 1], references, 6, named))
    assert grouping.person[grouping.labels[0]] == 1
    assert grouping.labels[0] == grouping.labels[1] == grouping.labels[2]
    assert grouping.labels[5] != grouping.labels[0]


def test_ten_thousand_names_are_bounded():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(10_300, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    album = face_set(np.repeat(vectors[:300], 2, axis=0))
    roster = known(np.arange(10_000), vectors[300:], 600)
    grouping = group_faces(album, GroupingRules(threshold=0.7), known=roster)
    assert len(grouping) == 300
    assert (grouping.person == -1).mean() > 0.98


@pytest.mark.parametrize("count", [0, 1])
def test_albums_without_faces_are_no_trouble(count):
    centres = people(2)
    album = face_set(faces_of(centres, [0] * count).reshape(-1, DIMENSION))
    roster = known([0], faces_of(centres, [1]), count)
    grouping = group_faces(album, RULES, known=roster)
    assert grouping.labels.tolist() == [-1] * count
    assert grouping.person.tolist() == []
