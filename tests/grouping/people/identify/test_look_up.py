"""A face is compared with people first; how alike is enough follows from the false matches."""

import numpy as np
import pytest

from grouping.people.identify.look_up import (
    ALONE_SHARE,
    FALSE_MATCHES,
    RIVALS,
    AlbumPeople,
    look_up,
    needed_similarity,
)
from grouping.similarity.impostors import LEAST_COMPARISONS, Impostors
from tests.helpers.vectors import unit

DIM = 128
STRANGERS = Impostors(0.0, 1 / np.sqrt(DIM))


def people_of(vectors, labels, nobody=None):
    nobody = np.full(len(vectors), -1, np.float32) if nobody is None else nobody
    return AlbumPeople(vectors, np.asarray(labels, np.int64), nobody, STRANGERS)


def album(people, faces_each, seed=0, likeness=0.8, alone=0):
    """Vectors and labels of people with so many faces each, and of faces outside of groups."""
    chance = np.random.default_rng(seed)
    centres = unit(chance.standard_normal((people, DIM)))
    labels = np.repeat(np.arange(people), faces_each)
    noise = unit(chance.standard_normal((len(labels), DIM)))
    vectors = unit(likeness * centres[labels] + np.sqrt(1 - likeness**2) * noise)
    others = unit(chance.standard_normal((alone, DIM)))
    return np.concatenate([vectors, others]), np.concatenate([labels, np.full(alone, -1)]), centres


def test_a_person_is_found_by_another_face():
    vectors, labels, centres = album(40, 5)
    for person in range(40):
        found = look_up(people_of(vectors, labels), centres[person])
        assert found.group == found.best == person
        assert found.similarity > found.needed
        assert not len(found.also) + len(found.alone)


@pytest.mark.parametrize("allowed", [0.2, 0.05, FALSE_MATCHES])
@pytest.mark.parametrize("groups", [20, 400])
def test_strangers_are_named_no_more_often_than_allowed(allowed, groups):
    vectors, labels, _ = album(groups, 4)
    people = people_of(vectors, labels)
    asking = unit(np.random.default_rng(9).standard_normal((3000, DIM)))
    named = sum(look_up(people, vector, allowed).group >= 0 for vector in asking)
    assert named / len(asking) <= 1.2 * allowed


def test_a_dozen_and_a_thousand_people_need_different_similarities():
    alone = [
        needed_similarity(np.array([0.5], np.float32), 0, count, STRANGERS, FALSE_MATCHES)[0]
        for count in (1, 12, LEAST_COMPARISONS, 1000, 100_000)
    ]
    assert alone[0] == alone[1] == alone[2] < alone[3] < alone[4]
    for count, least in zip((LEAST_COMPARISONS, 1000, 100_000), alone[2:], strict=True):
        assert count * STRANGERS.rate(least) == pytest.approx(FALSE_MATCHES)


def test_somebody_who_resembles_many_has_to_resemble_one_clearly_more():
    plain = np.array([0.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0], np.float32)
    many = np.array([0.6, 0.32, 0.33, 0.33, 0.32, 0.33, 0.0], np.float32)
    least, enough = needed_similarity(plain, 0, len(plain), STRANGERS, 0.01)
    same_least, more = needed_similarity(many, 0, len(many), STRANGERS, 0.01)
    assert least == same_least == enough < more
    rate = STRANGERS.lead_rate(np.array([more], np.float32), np.sort(many[1:6])[None])
    assert rate == pytest.approx(0.01, rel=1e-3)


def test_only_the_next_few_are_rivals_in_any_order():
    chance = np.random.default_rng(3)
    values = chance.uniform(-0.2, 0.3, 50).astype(np.float32)
    values[17] = 0.9
    _, needed = needed_similarity(values, 17, 50, STRANGERS, 0.01)
    few = np.sort(np.delete(values, 17))[-RIVALS:]
    _, same = needed_similarity(np.append(few, np.float32(0.9)), RIVALS, 50, STRANGERS, 0.01)
    assert needed == pytest.approx(same)


def test_another_group_of_the_same_person_is_told_and_no_rival():
    vectors, labels, centres = album(40, 6)
    labels[:3] = 40  # the first person in two pieces
    found = look_up(people_of(vectors, labels), centres[0])
    assert {found.group, *found.also.tolist()} == {0, 40}


def test_a_face_outside_of_groups_matches_on_its_own_and_needs_more():
    vectors, labels, _ = album(40, 5, alone=300)
    found = look_up(people_of(vectors, labels), vectors[-1])
    assert found.group == -1
    assert found.alone.tolist() == [len(vectors) - 1]
    assert found.alone_similarity[0] == pytest.approx(1)
    assert found.alone_needed > STRANGERS.similarity(FALSE_MATCHES / 300)
    assert found.alone_needed >= STRANGERS.similarity(ALONE_SHARE * FALSE_MATCHES / 300)


def test_what_is_more_like_a_picture_without_a_face_is_nobody():
    vectors, labels, _ = album(40, 5, alone=300)
    nobody = np.full(len(vectors), -1, np.float32)
    nobody[-1] = 1.5
    found = look_up(people_of(vectors, labels, nobody), vectors[-1])
    assert not len(found.alone)
    assert found.alone_best < found.alone_needed


def test_without_faces_means_are_as_if_they_had_never_been_there():
    vectors, labels, _ = album(10, 4, alone=5)
    hidden = np.array([0, 1, 7, 36, 37, 38, 39, 41])
    people = people_of(vectors, labels).without(hidden)
    kept = np.setdiff1d(np.arange(len(vectors)), hidden)
    vector = vectors[0]
    similarity = people.similarity_to_groups(vector)
    for group in range(len(similarity)):
        rows = kept[labels[kept] == group]
        mean = vectors[rows].mean(axis=0)
        assert similarity[group] == pytest.approx(mean @ vector / np.linalg.norm(mean), abs=1e-5)
    assert people.alone.tolist() == [40, 42, 43, 44]
    assert look_up(people, vectors[39]).group == -1


@pytest.mark.parametrize("labels", [[], [-1, -1], [0, 0]])
def test_albums_of_hardly_anybody(labels):
    vectors = unit(np.random.default_rng(1).standard_normal((len(labels), DIM)))
    found = look_up(
        people_of(vectors.reshape(-1, DIM), labels), np.eye(1, DIM, dtype=np.float32)[0]
    )
    assert found.group == -1
    assert not len(found.alone)
