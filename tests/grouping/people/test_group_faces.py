"""Faces to people, end to end on vectors."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grouping.clustering.constraints import Constraints
from grouping.errors import InputError
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from grouping.records import RECOGNITION_SIGNS, FaceSet
from grouping.similarity.pair_sets import connected_components
from tests.helpers.paths import ROOT
from tests.helpers.vectors import bcubed, face_set, hard_vectors, unit

METHODS = pytest.mark.parametrize("method", ["agglomerative", "hdbscan"])


def album(n: int, seed: int = 0) -> tuple[object, np.ndarray]:
    """Faces of ``hard_vectors`` in photos of one to four different people."""
    vectors, person = hard_vectors(n, seed=seed)
    rng = np.random.default_rng(seed)
    return face_set(vectors, rng.integers(0, n // 2, n), rng.uniform(0.05, 1, n)), person


@METHODS
def test_identical_groups_in_any_order(method: str) -> None:
    faces, _ = album(500)
    first = group_faces(faces, GroupingRules(method=method, threshold=0.4))
    assert len(first) > 20
    for seed in range(20 if method == "agglomerative" else 3):
        order = np.random.default_rng(seed).permutation(500)
        again = group_faces(faces[order], GroupingRules(method=method, threshold=0.4))
        assert np.array_equal(again.labels, first.labels[order])
        assert np.array_equal(order[again.representative], first.representative)
        assert np.allclose(again.cohesion, first.cohesion, atol=1e-5)
        assert np.array_equal(again.evidence >= 0, first.evidence[order] >= 0)


@METHODS
def test_people_are_found_and_where_it_is_a_law_no_photo_holds_one_twice(method: str) -> None:
    faces, person = album(1500, seed=3)
    rules = GroupingRules(method=method, threshold=0.4, allow_same_face=False)
    result = group_faces(faces, rules)
    assert bcubed(person, result.labels)[2] > 0.9
    inside = np.flatnonzero(result.labels >= 0)
    seen = np.stack([result.labels[inside], faces.photo_index[inside]], axis=1)
    assert len(np.unique(seen, axis=0)) == len(inside)


def test_columns_of_the_result_by_their_definition() -> None:
    faces, _ = album(400, seed=2)
    result = group_faces(faces, GroupingRules(threshold=0.4))
    sizes = []
    for k in range(len(result)):
        members = np.flatnonzero(result.labels == k)
        sizes.append((len(set(faces.photo_index[members])), len(members)))
        mean = faces.embeddings[members].astype(float).mean(0)
        cosine = faces.embeddings[members] @ (mean / np.linalg.norm(mean))
        assert result.similarity[members] == pytest.approx(cosine, abs=1e-5)
        assert result.cohesion[k] == pytest.approx(cosine.mean(), abs=1e-5)
        assert result.representative[k] in members
    assert sizes == sorted(sizes, reverse=True)
    assert min(photos for photos, _ in sizes) >= 2
    assert np.isnan(result.similarity[result.labels < 0]).all()
    assert ((result.purity >= 0) & (result.purity <= 1)).all()


def test_a_group_needs_different_photos_not_faces() -> None:
    person = unit(np.ones((3, 16)) + np.random.default_rng(0).normal(0, 0.05, (3, 16)))
    faces = face_set(person, np.array([4, 4, 4]))  # near-identical: a collage in one photo
    assert group_faces(faces, GroupingRules(threshold=0.4)).labels.tolist() == [-1, -1, -1]
    assert group_faces(faces, GroupingRules(threshold=0.4, min_photos=1)).labels.tolist() == [
        0,
        0,
        0,
    ]
    assert (
        group_faces(face_set(person), GroupingRules(threshold=0.4, min_photos=4)).labels.max() == -1
    )


def test_groups_are_ordered_by_photos_before_faces() -> None:
    rng = np.random.default_rng(1)
    a, b = (unit(unit(rng.standard_normal((1, 32))) + rng.normal(0, 0.01, (4, 32))) for _ in "ab")
    faces = face_set(np.concatenate([a, b[:3]]), np.array([0, 0, 1, 1, 2, 3, 4]))
    assert group_faces(faces, GroupingRules(threshold=0.4)).labels.tolist() == [1, 1, 1, 1, 0, 0, 0]


@METHODS
@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_faces(method: str, n: int) -> None:
    faces = face_set(unit(np.eye(2, 32)))[:n]
    result = group_faces(faces, GroupingRules(method=method, threshold=0.4))
    assert result.labels.tolist() == [-1] * n
    assert len(result) == 0
    assert result.evidence.shape == (n, 3)


def test_one_face_alone_is_a_group_where_one_photo_is_enough() -> None:
    result = group_faces(face_set(unit(np.eye(2, 32))), GroupingRules(threshold=0.4, min_photos=1))
    assert sorted(result.labels) == [0, 1]
    assert result.cohesion == pytest.approx(1)
    assert (result.evidence == -1).all()


def test_a_weak_face_makes_no_group_but_joins_one() -> None:
    rng = np.random.default_rng(2)
    one, other = (
        unit(1.5 * unit(rng.standard_normal((1, 64))) + unit(rng.standard_normal((5, 64))))
        for _ in range(2)
    )
    quality = np.array([1, 1, 1, 1, 0.1, *[0.1] * 5])
    faces = face_set(np.concatenate([one, other]), quality=quality)
    assert group_faces(faces, GroupingRules(threshold=0.4)).labels.tolist() == [0] * 5 + [-1] * 5
    assert group_faces(faces, GroupingRules(threshold=0.4, core_quality=0)).labels.max() == 1


def test_a_weak_face_between_two_groups_stays_out() -> None:
    rng = np.random.default_rng(3)
    one, other = (
        unit(1.5 * unit(rng.standard_normal((1, 256))) + unit(rng.standard_normal((5, 256))))
        for _ in range(2)
    )
    between = unit(one.mean(0, keepdims=True) + other.mean(0, keepdims=True))
    clear = unit(1.4 * one.mean(0, keepdims=True) + other.mean(0, keepdims=True))
    faces = face_set(
        np.concatenate([one, other, between, clear]), quality=np.array([1.0] * 10 + [0.1] * 2)
    )
    labels = group_faces(faces, GroupingRules(threshold=0.4)).labels
    assert labels[10] == -1
    assert labels[11] == labels[0] >= 0


def test_of_two_weak_faces_of_a_photo_the_more_similar_joins() -> None:
    rng = np.random.default_rng(5)
    centre = unit(rng.standard_normal((1, 64)))
    good = unit(1.5 * centre + unit(rng.standard_normal((5, 64))))
    weak = unit(np.array([[1.0], [1.6]]) * centre + unit(rng.standard_normal((2, 64))))
    faces = face_set(
        np.concatenate([good, weak]),
        np.array([0, 1, 2, 3, 4, 5, 5]),
        np.array([1.0] * 5 + [0.1] * 2),
    )
    law = GroupingRules(threshold=0.4, allow_same_face=False)
    assert group_faces(faces, law).labels.tolist() == [0, 0, 0, 0, 0, -1, 0]


def test_a_photo_imported_five_thousand_times() -> None:
    vectors = np.tile(hard_vectors(12, seed=1)[0][:4], (5000, 1))
    faces = face_set(vectors, np.repeat(np.arange(5000), 4))
    started = time.perf_counter()
    labels = group_faces(faces, GroupingRules(threshold=0.4)).labels.reshape(5000, 4)
    assert time.perf_counter() - started < 60
    assert (labels == labels[0]).all()
    assert sorted(labels[0]) == [0, 1, 2, 3]


def test_one_person_in_every_photo() -> None:
    rng = np.random.default_rng(0)
    centre = unit(rng.standard_normal((1, 128)))
    vectors = unit(1.5 * centre + unit(rng.standard_normal((1500, 128))))
    result = group_faces(face_set(vectors), GroupingRules(threshold=0.4))
    assert (result.labels == 0).all()
    assert len(result) == 1


def test_everybody_a_stranger() -> None:
    vectors = unit(np.random.default_rng(0).standard_normal((3000, 512)))
    assert len(group_faces(face_set(vectors), GroupingRules(threshold=0.4))) == 0


def test_one_photo_with_three_hundred_faces() -> None:
    vectors, person = hard_vectors(600, seed=4, largest=2)
    photos = np.where(np.arange(600) < 300, 0, np.arange(600))
    labels = group_faces(face_set(vectors, photos), GroupingRules(threshold=0.4)).labels
    crowd = labels[:300][labels[:300] >= 0]
    assert len(crowd) == len(np.unique(crowd)) > 20
    assert bcubed(person, labels)[0] > 0.95


def test_unknown_method_is_refused() -> None:
    with pytest.raises(InputError, match="agglomerative, hdbscan"):
        group_faces(face_set(unit(np.eye(2))), GroupingRules(method="kmeans", threshold=0.4))


def test_no_network_library_is_imported_to_group_an_album() -> None:
    code = (
        "import sys\n"
        "from tests.helpers.vectors import face_set, hard_vectors\n"
        "from grouping.people.group_faces import GroupingRules, group_faces\n"
        "faces = face_set(hard_vectors(2000)[0])\n"
        "assert group_faces(faces, GroupingRules(threshold=0.4)).labels.max() > 9\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("good_faces", "above", "weak_quality", "joins"),
    [
        (1, 0.05, 0.3, False),
        (1, 0.12, 0.3, True),
        (1, 0.12, 0.1, False),  # next to nothing is seen of it
        (2, 0.02, 0.1, True),
        (2, -0.02, 0.3, False),
    ],
)
def test_a_weak_face_has_to_meet_a_single_good_one_more_closely(
    good_faces, above, weak_quality, joins
):
    similarity = 0.38 + above
    axes = np.eye(4, dtype=np.float32)
    good = [axes[0]] * good_faces
    weak = similarity * axes[0] + np.sqrt(1 - similarity**2) * axes[1]
    quality = np.array([1.0] * good_faces + [weak_quality, 1.0, 1.0])
    tilted = unit((axes[2] + 0.1 * axes[3])[None])[0]  # somebody else
    vectors = np.stack([*good, weak, axes[2], tilted]).astype(np.float32)
    labels = group_faces(
        face_set(vectors, quality=quality), GroupingRules(threshold=0.38, min_photos=1)
    ).labels
    assert (labels[good_faces] == labels[0]) == joins


@pytest.mark.parametrize(
    ("recognisable", "of_somebody_else", "joins"),
    [
        (1.0, 0.4, True),  # small or turned, and the network knows it
        (0.9, 0.4, False),
        (1.0, 1.0, False),  # the network finds everybody recognisable: it tells nothing
    ],
)
def test_a_weak_face_that_the_network_recognises_makes_a_person_with_a_single_good_one(
    recognisable, of_somebody_else, joins
):
    axes = np.eye(4, dtype=np.float32)
    weak = 0.5 * axes[0] + np.sqrt(0.75) * axes[1]
    faces = face_set(
        np.stack([axes[0], weak, axes[2], axes[3]]), quality=np.array([1.0, 0.1, 1.0, 0.4])
    )
    column = RECOGNITION_SIGNS.index("recognisable")
    faces.signs[1, column], faces.signs[3, column] = recognisable, of_somebody_else
    labels = group_faces(faces, GroupingRules(threshold=0.38)).labels
    assert labels.tolist() == ([0, 0, -1, -1] if joins else [-1, -1, -1, -1])


def test_two_weak_faces_make_no_person_however_the_network_recognises_them() -> None:
    axes = np.eye(3, dtype=np.float32)
    faces = face_set(axes[[0, 0, 1]], quality=np.array([0.1, 0.1, 1.0]))
    faces.embeddings[1] = unit((axes[0] + 0.1 * axes[2])[None])[0]
    faces.signs[2, RECOGNITION_SIGNS.index("recognisable")] = 0.4
    assert group_faces(faces, GroupingRules(threshold=0.38)).labels.tolist() == [-1, -1, -1]


def test_a_group_needs_different_pictures_not_copies() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, (4, 16))
    faces = face_set(unit(np.ones((4, 16)) + noise))
    rules = GroupingRules(threshold=0.4)
    copies = group_faces(faces, rules, picture=np.array([7, 7, 7, 7]))
    assert copies.labels.tolist() == [-1, -1, -1, -1]
    # Faces of copies are in the group of the other pictures.
    some = group_faces(faces, rules, picture=np.array([7, 7, 7, 8]))
    assert some.labels.tolist() == [0, 0, 0, 0]


def test_of_a_copy_a_face_that_the_original_does_not_show_is_no_second_one_of_its_person() -> None:
    rng = np.random.default_rng(4)
    person = unit(rng.standard_normal((1, 64)))
    vectors = unit(1.8 * person + unit(rng.standard_normal((6, 64))))
    photos = np.array([0, 1, 2, 3, 4, 4])  # 4 is a copy of 0, with one face more
    same_as = np.array([-1, -1, -1, -1, 0, -1])
    picture = np.array([0, 1, 2, 3, 0, 0])
    law = GroupingRules(threshold=0.4, allow_same_face=False)
    found = group_faces(face_set(vectors, photos), law, None, picture, same_as)
    assert found.labels.tolist() == [0, 0, 0, 0, 0, -1]


def test_two_faces_in_the_place_of_one_original_are_one_of_its_person() -> None:
    rng = np.random.default_rng(4)
    person = unit(rng.standard_normal((1, 64)))
    vectors = np.concatenate(
        [
            unit(1.8 * person + unit(rng.standard_normal((4, 64)))),
            unit(rng.standard_normal((2, 64))),
        ]
    )
    photos, quality = np.array([0, 1, 2, 3, 4, 4]), np.array([1, 1, 1, 1, 0.2, 0.8])
    same_as, picture = np.array([-1, -1, -1, -1, 0, 0]), np.array([0, 1, 2, 3, 0, 0])
    faces = face_set(vectors, photos, quality)
    found = group_faces(faces, GroupingRules(threshold=0.4), None, picture, same_as)
    assert found.labels.tolist() == [0, 0, 0, 0, -1, 0]


def test_opposite_faces_that_a_person_links_have_no_mean_and_do_no_harm() -> None:
    faces = face_set(np.array([[1.0], [-1.0], [1.0], [-1.0]]))
    links = Constraints(must_link=np.array([[0, 1], [2, 3]]))
    found = group_faces(faces, GroupingRules(threshold=1), links)
    assert found.labels[0] == found.labels[1] >= 0
    assert found.labels[2] == found.labels[3] >= 0
    assert np.isfinite(found.similarity).all()
    assert np.isfinite(found.cohesion).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_what_a_person_said_is_obeyed_to_the_letter_in_any_album(seed: int) -> None:
    chance = np.random.default_rng(seed)
    faces, rules, links, picture, same_as = any_album(chance)
    found = group_faces(faces, rules, links, picture, same_as)
    apart, together = found.labels[links.cannot_link], found.labels[links.must_link]
    assert not ((apart[:, 0] == apart[:, 1]) & (apart[:, 0] >= 0)).any()
    assert (together[:, 0] == together[:, 1]).all()
    assert (found.labels[links.ignore] == -1).all()
    assert np.isfinite(found.similarity[found.labels >= 0]).all()
    assert np.isfinite(found.purity).all()
    for k in range(len(found)):
        assert len(np.unique(picture[found.labels == k])) >= rules.min_photos


def any_album(
    chance: np.random.Generator,
) -> tuple[FaceSet, GroupingRules, Constraints, np.ndarray, np.ndarray]:
    """A small album with identical faces, copies, blurs, and links that do not contradict."""
    n, d = int(chance.integers(4, 40)), int(chance.choice([1, 2, 16, 64]))
    centres = unit(chance.standard_normal((5, d)))
    noise = chance.choice([0.2, 1.0]) * chance.standard_normal((n, d)) / np.sqrt(d)
    vectors = unit(centres[chance.integers(0, 5, n)] + noise)
    some = chance.integers(0, n, n // 3)
    vectors[some] = vectors[chance.integers(0, n, len(some))]
    photos = np.sort(chance.integers(0, n // 2, n))
    faces = face_set(vectors, photos, chance.choice([0.1, 0.3, 1.0], n))
    faces.signs[:, 3:] = chance.choice([-1, 0.3, 1], (n, 5))
    rules = GroupingRules(
        threshold=float(chance.choice([-1, 0, 0.38, 0.99, 1])),
        method=str(chance.choice(["agglomerative", "hdbscan"])),
        min_photos=int(chance.integers(1, 3)),
        one_face_per_photo=bool(chance.integers(2)),
        allow_same_face=bool(chance.integers(2)),
    )
    must, cannot = chance.integers(0, n, (2, 5, 2))
    part = connected_components(must, n)
    cannot = cannot[part[cannot[:, 0]] != part[cannot[:, 1]]]
    ignored = np.setdiff1d(chance.integers(0, n, 3), must)
    copy_of = chance.integers(0, 3, n)  # of one of the first photos
    copied = (photos > 2) & (chance.random(n) < 0.4)
    same_as = np.where(copied, np.searchsorted(photos, copy_of[photos]), -1)
    same_as[photos[same_as] > 2] = -1
    picture = np.where(same_as >= 0, photos[same_as], photos)
    return faces, rules, Constraints(must, cannot, ignored), picture, same_as
