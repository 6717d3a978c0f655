"""What is said about finished groups, against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.clustering.merge_rule import (
    MAX_GAP,
    PAIR_MARGIN,
    TYPICAL,
    MergeRule,
    mean_similarity_within,
)
from grouping.people.description.review import (
    MergeSuggestion,
    evidence,
    merge_suggestions,
)
from grouping.records import FaceSet
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import Impostors
from tests.helpers.vectors import face_set, hard_vectors, unit

NO_PAIRS = np.zeros((0, 2), np.int64)


def two_groups(between: float, inside: float = 0.64, size: int = 6) -> np.ndarray:
    """Two groups of ``size`` faces, similarity about ``inside`` within, ``between`` across."""
    rng = np.random.default_rng(1)
    shared, *own = unit(rng.standard_normal((3, 512)))
    part = between / inside
    centres = [unit((np.sqrt(part) * shared + np.sqrt(1 - part) * o)[None]) for o in own]
    noise = unit(rng.standard_normal((2 * size, 512)))
    return unit(
        np.sqrt(inside) * np.repeat(np.concatenate(centres), size, 0) + np.sqrt(1 - inside) * noise
    )


def suggested(
    faces: FaceSet, labels: np.ndarray, threshold: float, cannot_link: np.ndarray
) -> tuple[MergeSuggestion, ...]:
    groups = GroupSums(faces.embeddings, labels)
    return merge_suggestions(
        groups, faces.photo_index, Impostors.of_threshold(threshold), cannot_link
    )


def test_evidence_is_the_nearest_faces_of_the_group() -> None:
    vectors, person = hard_vectors(300, seed=3)
    labels = np.where(np.bincount(person)[person] >= 2, person, -1)
    labels = np.unique(labels, return_inverse=True)[1] - (labels.min() < 0)
    nearest, similarity = evidence(GroupSums(vectors, labels))
    products = vectors @ vectors.T
    for i in range(300):
        others = [j for j in np.flatnonzero(labels == labels[i]) if j != i and labels[i] >= 0]
        best = sorted((float(products[i, j]) for j in others), reverse=True)[:3]
        assert similarity[i, : len(best)] == pytest.approx(best, abs=1e-6)
        assert all(
            products[i, j] == pytest.approx(s, abs=1e-6)
            for j, s in zip(nearest[i, : len(best)], best, strict=True)
        )
        assert (nearest[i, len(best) :] == -1).all()
        assert np.isnan(similarity[i, len(best) :]).all()


def test_groups_that_may_be_one_person_are_proposed_with_evidence() -> None:
    vectors = two_groups(0.36)
    labels = np.repeat([0, 1], 6)
    products = vectors[:6] @ vectors[6:].T
    (found,) = suggested(face_set(vectors), labels, 0.38, NO_PAIRS)
    assert found.groups == (0, 1)
    assert found.similarity == pytest.approx(products.mean(), abs=1e-5)
    assert found.face_similarity == pytest.approx(products.max(), abs=1e-5)
    assert products[found.faces[0], found.faces[1] - 6] == products.max()
    assert found.shared_photos == 0


@pytest.mark.parametrize(
    ("between", "photos", "settled", "proposed"),
    [
        (0.36, range(12), [], 1),
        (0.10, range(12), [], 0),
        (0.36, [0, 1, 2, 3, 4, 5, 0, 6, 7, 8, 9, 10], [], 0),
        (0.58, [0, 1, 2, 3, 4, 5, 0, 6, 7, 8, 9, 10], [], 1),
        (0.36, range(12), [[0, 7]], 0),
    ],
)
def test_what_is_proposed(between: float, photos: list, settled: list, proposed: int) -> None:
    faces = face_set(two_groups(between), np.array(list(photos)))
    pairs = np.array(settled, np.int64).reshape(-1, 2)
    found = suggested(faces, np.repeat([0, 1], 6), 0.38, pairs)
    assert len(found) == proposed


def test_similarity_within_by_its_definition() -> None:
    vectors, _ = hard_vectors(12, seed=1)
    parts = [vectors[:1], vectors[1:4], vectors[4:]]
    upper = [(part @ part.T)[np.triu_indices(len(part), 1)] for part in parts]
    found = mean_similarity_within(np.array([x.sum() for x in upper]), np.array([1, 3, 8]))
    assert found[1:] == pytest.approx([x.mean() for x in upper[1:]])
    assert np.isinf(found[0])


def test_the_rule_at_its_limits() -> None:
    """One face against groups of a known spread."""

    def needed(inside: float, size: int) -> float:
        inner = np.array([0, size * (size - 1) / 2 * inside])
        sizes = np.array([1, size])
        tried = np.linspace(0, 1, 1001)
        pair = np.zeros(1, np.int64), np.ones(1, np.int64)
        allowed = [bool(MergeRule(0.38)(inner, sizes, *pair, np.array([s]))[0]) for s in tried]
        return float(tried[allowed.index(True)])

    assert needed(1.0, 1) == pytest.approx(0.38 + PAIR_MARGIN, abs=0.002)
    assert needed(0.70, 5) == pytest.approx(0.70 - MAX_GAP, abs=0.002)
    assert needed(0.95, 5) == pytest.approx(TYPICAL - MAX_GAP, abs=0.002)


def test_of_many_suggestions_the_likeliest_are_made(monkeypatch):
    chance = np.random.default_rng(0)
    vectors = unit(chance.standard_normal((40, 64)) + 0.8).astype(np.float32)
    labels = np.arange(40)
    faces = face_set(vectors)
    every = suggested(faces, labels, 0.38, NO_PAIRS)
    similarity = vectors @ vectors.T
    one_by_chance = Impostors.of_threshold(0.38).similarity(1 / (40 * 39 / 2))
    assert len(every) == np.count_nonzero(np.triu(similarity >= one_by_chance, 1)) > 5
    monkeypatch.setattr("grouping.people.description.review.MOST_SUGGESTIONS", 5)
    assert suggested(faces, labels, 0.38, NO_PAIRS) == every[:5]
