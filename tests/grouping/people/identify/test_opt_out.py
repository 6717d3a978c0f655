"""Whose faces are left out: for sure, to be looked at, and nobody else's."""

import numpy as np
import pytest

from grouping.errors import InputError
from grouping.people.identify.opt_out import OptOut, doubtful_similarity, opted_out_faces
from grouping.similarity.impostors import Impostors
from tests.helpers.results.album import face_set

IMPOSTORS = Impostors.of_threshold(0.38)
D = 512


def person_axis(person: int) -> np.ndarray:
    return np.eye(D, dtype=np.float32)[person]


def face(person: int, likeness: float, seed: int) -> np.ndarray:
    """A face whose cosine with the person's axis is ``likeness``, elsewhere in any direction."""
    rest = np.random.default_rng(seed).normal(size=D)
    rest[:20] = 0
    rest /= np.linalg.norm(rest)
    return (likeness * person_axis(person) + np.sqrt(1 - likeness**2) * rest).astype(np.float32)


def album(*people: tuple[int, float]):
    """Faces of (person, likeness) pairs."""
    return face_set(np.array([face(p, a, 100 + i) for i, (p, a) in enumerate(people)]))


def reference(person: int) -> OptOut:
    return OptOut(np.zeros(1, np.int64), person_axis(person)[None])


def test_alike_faces_go_and_strangers_stay():
    faces = album((0, 0.8), (0, 0.7), (1, 0.8), (1, 0.7), (2, 0.9))
    labels = np.array([0, 0, 1, 1, -1])
    found = opted_out_faces(faces, labels, reference(0), IMPOSTORS)
    assert found.sure.tolist() == [True, True, False, False, False]
    assert not found.borderline.any()
    assert (found.similarity[:2] >= [0.8 - 1e-6, 0.7 - 1e-6]).all()
    assert (found.similarity[2:] < 0.25).all()


def test_a_weak_face_goes_with_its_group():
    faces = album((0, 0.8), (0, 0.8), (0, 0.75), (0, 0.1))
    found = opted_out_faces(faces, np.zeros(4, np.int64), reference(0), IMPOSTORS)
    assert found.sure.all()
    alone = opted_out_faces(faces, np.array([0, 0, 0, -1]), reference(0), IMPOSTORS)
    assert alone.sure.tolist() == [True, True, True, False]


def test_a_group_of_others_with_one_lookalike_keeps_the_rest():
    faces = album((1, 0.8), (1, 0.8), (1, 0.8), (1, 0.8), (0, 0.7))
    found = opted_out_faces(faces, np.zeros(5, np.int64), reference(0), IMPOSTORS)
    assert found.sure.tolist() == [False] * 4 + [True]


def test_what_is_found_helps_to_find_the_rest():
    """A face that is like the others of the person, and hardly like the one reference."""
    common = face(0, 0.75, 1)
    near = [common + 0.3 * face(0, 0.1, 10 + i) for i in range(4)]
    far = common - 0.62 * person_axis(0)
    rows = np.array([*near, far])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert rows[4] @ person_axis(0) < 0.3
    labels = np.array([0, 0, 0, 0, -1])
    found = opted_out_faces(face_set(rows.astype(np.float32)), labels, reference(0), IMPOSTORS)
    assert found.sure.all()


def test_a_borderline_face_is_listed_and_not_left_out():
    faces = album((0, 0.8), (0, 0.8), (0, 0.29), *((1 + i % 9, 0.9) for i in range(200)))
    labels = np.full(len(faces), -1)
    labels[:2] = 0
    found = opted_out_faces(faces, labels, reference(0), IMPOSTORS)
    assert found.sure[:3].tolist() == [True, True, False]
    assert found.borderline[:3].tolist() == [False, False, True]


def test_linked_faces_go_together():
    faces = album((0, 0.8), (0, 0.05), (0, 0.05))
    links = np.array([[1, 0]])
    found = opted_out_faces(faces, np.full(3, -1), reference(0), IMPOSTORS, links)
    assert found.sure.tolist() == [True, True, False]


def test_a_large_album_needs_more_likeness():
    """The same face is theirs in a small album, and in a large one somebody has to look at it."""
    some = [(0, 0.4), *((1 + i % 9, 0.9) for i in range(20))]
    many = some + [(1 + i % 9, 0.9) for i in range(9_000)]
    small, large = (
        opted_out_faces(album(*who), np.full(len(who), -1), reference(0), IMPOSTORS)
        for who in (some, many)
    )
    assert small.sure[0]
    assert not large.sure[0]
    assert large.borderline[0]


def test_several_people_and_references():
    opt_out = OptOut(
        np.array([0, 0, 1]), np.array([face(0, 0.9, 1), face(0, 0.9, 2), face(1, 0.9, 3)])
    )
    faces = album((0, 0.8), (1, 0.8), (2, 0.8))
    found = opted_out_faces(faces, np.full(3, -1), opt_out, IMPOSTORS)
    assert found.sure.tolist() == [True, True, False]
    expected = (faces.embeddings @ opt_out.vectors.T).max(axis=1)
    np.testing.assert_allclose(opt_out.similarity(faces.embeddings), expected)


def test_an_album_without_faces():
    found = opted_out_faces(face_set(np.zeros((0, D))), np.zeros(0, int), reference(0), IMPOSTORS)
    assert not len(found.sure)


def test_references_need_a_person_each():
    with pytest.raises(InputError, match="a person each"):
        OptOut(np.zeros(0, np.int64), np.zeros((0, D), np.float32))
    with pytest.raises(InputError, match="a person each"):
        OptOut(np.zeros(2, np.int64), np.zeros((1, D), np.float32))


def test_the_doubtful_similarity_is_that_of_one_in_a_hundred():
    assert IMPOSTORS.rate(doubtful_similarity(IMPOSTORS)) == pytest.approx(0.01)
