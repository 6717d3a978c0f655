"""A threshold from the album, against networks whose strangers are known."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from grouping.people.calibration import (
    HIGHEST,
    KNOWN_PEOPLE,
    MOST_PEOPLE,
    TELLING,
    album_impostors,
    calibrate_threshold,
)
from grouping.records import FaceSet
from grouping.similarity.impostors import MEAN, THRESHOLD_SPREADS, Impostors
from tests.helpers.vectors import face_set, unit


def network(people: int, faces_each: int, dimension: int, seed: int = 0) -> FaceSet:
    """Faces of a network whose strangers have mean 0 and spread ``1 / sqrt(dimension)``."""
    chance = np.random.default_rng(seed)
    centres = unit(chance.standard_normal((people, dimension)))
    rows = np.repeat(centres, faces_each, axis=0)
    noise = unit(chance.standard_normal(rows.shape))
    return face_set(unit(np.sqrt(0.7) * rows + np.sqrt(0.3) * noise))


@pytest.mark.parametrize("dimension", [80, 115, 180])
@pytest.mark.parametrize("people", [60, 400])
def test_an_unknown_network_gets_the_threshold_of_its_strangers(dimension: int, people: int):
    found = calibrate_threshold(network(people, 4, dimension), None)
    expected = THRESHOLD_SPREADS * dimension**-0.5
    assert found.threshold == pytest.approx(expected, abs=0.03)
    assert found.people == pytest.approx(people, abs=people // 20)


def test_a_known_network_keeps_its_threshold_where_the_album_says_about_the_same():
    default = MEAN + THRESHOLD_SPREADS * 115**-0.5
    for seed in range(5):
        found = calibrate_threshold(network(80, 4, 115, seed), default)
        assert found.threshold == default
        assert abs(found.album - default) < TELLING


def test_a_known_network_leaves_its_threshold_where_many_people_say_otherwise():
    found = calibrate_threshold(network(300, 4, 115), 0.60)
    assert found.threshold == found.album < 0.45


def test_few_people_say_little():
    found = calibrate_threshold(network(8, 4, 115), 0.45)
    assert found.threshold == 0.45


@pytest.mark.parametrize("faces", [FaceSet.empty(), network(2, 5, 115)])
def test_without_people_it_is_the_default(faces: FaceSet):
    found = calibrate_threshold(faces, 0.37)
    assert (found.threshold, found.album) == (0.37, None)
    assert "only" in found.reason


def test_what_is_known_counts_as_so_many_people():
    prior = Impostors(0.0, 0.09)
    rows = unit(np.random.default_rng(1).standard_normal((KNOWN_PEOPLE, 512))).astype(np.float32)
    found = album_impostors(rows, prior, KNOWN_PEOPLE)
    alone = album_impostors(rows, prior, 0)
    assert alone.spread == pytest.approx(512**-0.5, rel=0.1)
    assert found.spread == pytest.approx((alone.spread + prior.spread) / 2)


def test_very_many_people_are_sampled_by_content():
    rows = unit(np.random.default_rng(2).standard_normal((MOST_PEOPLE + 500, 64)))
    rows = rows.astype(np.float32)
    order = np.random.default_rng(3).permutation(len(rows))
    prior = Impostors(0.0, 0.09)
    assert album_impostors(rows, prior, 60).spread == pytest.approx(
        album_impostors(rows[order], prior, 60).spread, rel=1e-6
    )


def test_order_of_the_faces_does_not_matter():
    faces = network(60, 3, 115)
    shuffled = faces[np.random.default_rng(1).permutation(len(faces))]
    first, second = (calibrate_threshold(f, None).threshold for f in (faces, shuffled))
    assert first == pytest.approx(second, abs=1e-6)


def test_both_numbers_are_told(caplog):
    with caplog.at_level(logging.INFO):
        found = calibrate_threshold(network(60, 4, 115), 0.375)
    assert f"threshold 0.375: the network's own; {found.people} people" in caplog.text
    assert f"{found.album:.3f}" in caplog.text


@pytest.mark.parametrize("dimension", [1, 2, 3, 16])
@pytest.mark.parametrize("default", [None, 0.38])
def test_no_album_says_a_threshold_that_no_two_faces_reach(dimension: int, default: float | None):
    for seed in range(10):
        vectors = unit(np.random.default_rng(seed).standard_normal((30, dimension)))
        assert 0 <= calibrate_threshold(face_set(vectors), default).threshold <= HIGHEST + 1e-6
