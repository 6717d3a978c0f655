"""Groups of two faces: those that stand out stay, those that are like many others go."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.clustering.constraints import Constraints
from grouping.clustering.merge_rule import PAIR_MARGIN
from grouping.clustering.micro_clusters import MicroClusters
from grouping.people.group_faces import group_faces
from grouping.people.refinement import unclear_pairs as pairs
from grouping.people.refinement.unclear_pairs import dissolve_unclear_pairs
from grouping.people.rules import GroupingRules
from grouping.similarity import nearest
from tests.helpers.vectors import face_set, unit

THRESHOLD = 0.38
NO_LINKS = np.zeros((0, 2), np.int64)


def pair_among(others: list[float], pair: float) -> np.ndarray:
    """Two faces alike by ``pair``, the first to further faces by ``others``; the rest 0.2."""
    n = 2 + len(others)
    table = np.full((n, n), 0.2)
    table[0, 1] = table[1, 0] = pair
    table[0, 2:] = table[2:, 0] = others
    np.fill_diagonal(table, 1)
    return np.linalg.cholesky(table).astype(np.float32)  # rows of exactly these inner products


def vertices(vectors: np.ndarray, must_link: np.ndarray = NO_LINKS) -> MicroClusters:
    return MicroClusters(vectors, np.ones(len(vectors), np.int64), NO_LINKS, must_link)


def labels_of_first_two(n: int) -> np.ndarray:
    labels = np.full(n, -1)
    labels[:2] = 0
    return labels


@pytest.mark.parametrize(
    ("others", "pair", "stays"),
    [
        ([], THRESHOLD + PAIR_MARGIN + 0.01, True),
        ([], THRESHOLD + PAIR_MARGIN - 0.01, False),
        ([0.3] * 6, THRESHOLD + PAIR_MARGIN + 0.01, True),
        ([0.5] * 6, 0.55, False),  # a face that is like everybody
        ([0.5] * 6, 0.57, True),
        ([0.5] + [0.3] * 5, 0.5, True),  # one rival: 0.404 is led by 0.096
        ([0.5] * 4 + [0.3] * 2, 0.53, False),  # four: 0.476 is led by 0.054
    ],
)
def test_a_pair_stays_where_it_leads_the_five_runners_up(others, pair, stays) -> None:
    vectors = pair_among(others, pair)
    kept = dissolve_unclear_pairs(vertices(vectors), labels_of_first_two(len(vectors)), THRESHOLD)
    assert kept[:2].tolist() == ([0, 0] if stays else [-1, -1])
    assert (kept[2:] == -1).all()


def test_either_of_the_two_may_be_the_one_that_is_like_many() -> None:
    vectors = pair_among([0.5] * 6, 0.55)[[1, 0, *range(2, 8)]]
    kept = dissolve_unclear_pairs(vertices(vectors), labels_of_first_two(8), THRESHOLD)
    assert (kept == -1).all()


def test_a_pair_that_a_person_has_linked_stays() -> None:
    vectors = pair_among([0.5] * 6, 0.55)
    linked = vertices(vectors, np.array([[1, 0]]))
    assert dissolve_unclear_pairs(linked, labels_of_first_two(8), THRESHOLD)[:2].tolist() == [0, 0]


def test_larger_groups_are_left_alone_and_labels_are_not_changed_in_place() -> None:
    vectors = pair_among([0.5] * 6, 0.55)
    labels = np.array([0, 0, 0, 1, 1, 1, -1, -1])
    before = labels.copy()
    assert dissolve_unclear_pairs(vertices(vectors), labels, THRESHOLD).tolist() == before.tolist()
    assert labels.tolist() == before.tolist()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_faces(n) -> None:
    vectors = np.eye(8, dtype=np.float32)[:n]
    labels = np.zeros(n, np.int64)
    kept = dissolve_unclear_pairs(vertices(vectors), labels, THRESHOLD)
    assert kept.tolist() == [[], [0], [-1, -1]][n]


@pytest.mark.parametrize("table", [1, 7, 10_000])
@pytest.mark.parametrize("cohort", [1, 40, 10_000])
def test_the_level_is_that_of_a_plain_loop(monkeypatch, table, cohort) -> None:
    monkeypatch.setattr(nearest, "TABLE", table)
    monkeypatch.setattr(pairs, "COHORT", cohort)
    vectors = unit(np.random.default_rng(0).standard_normal((60, 8)))
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(30), 2))
    kept = dissolve_unclear_pairs(vertices(vectors), labels, 0.1)
    for k in range(30):
        a, b = np.flatnonzero(labels == k)
        levels = []
        for face in (a, b):
            rivals = [
                float(vectors[face] @ vectors[i]) for i in range(min(60, cohort)) if i not in (a, b)
            ]
            best = sorted(rivals, reverse=True)[:5]
            # Where the cohort is smaller than that, what is missing counts as the threshold.
            best += [0.1] * (min(5, cohort) - len(best))
            levels.append(np.mean([max(s, 0.1) for s in best]))
        stays = float(vectors[a] @ vectors[b]) >= max(levels) + PAIR_MARGIN
        assert (kept[a] == k) == stays
    assert 0 < (kept >= 0).sum() < 60


def test_grouping_leaves_out_two_faces_that_are_like_many() -> None:
    alone = face_set(pair_among([0.2] * 6, 0.5))
    assert group_faces(alone, GroupingRules(threshold=0.40)).labels[:2].tolist() == [0, 0]
    like_many = face_set(pair_among([0.49] * 6, 0.5))
    assert len(group_faces(like_many, GroupingRules(threshold=0.40))) == 0
    linked = Constraints(np.array([[0, 1]]))
    assert group_faces(like_many, GroupingRules(threshold=0.40), linked).labels[:2].tolist() == [
        0,
        0,
    ]


@pytest.mark.slow
def test_crowds_of_strangers_hold_nobody_twice(shared_data) -> None:
    from grouping import GroupingConfig, GroupingPipeline
    from grouping.sources.listing import list_sources

    result = GroupingPipeline(GroupingConfig()).run(list_sources([shared_data / "crowd"]))
    assert len(result.faces) > 500
    assert len(result.grouping) == 0
