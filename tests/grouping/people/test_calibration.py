from __future__ import annotations

import logging
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from grouping.people.calibration import (
    FALSE_MATCH_RATE,
    LEAST_PAIRS,
    PRIOR_FACES,
    calibrate_threshold,
    impostor_threshold,
)
from grouping.records import FaceSet, unknown_signs

DIMENSION = 64


def album(photos: int, faces_each: int, seed: int = 0, common: float = 0.0) -> FaceSet:
    """Random people; ``common`` is how much of one direction all faces share."""
    dice = np.random.default_rng(seed)
    n = photos * faces_each
    vectors = dice.normal(size=(n, DIMENSION)) / np.sqrt(DIMENSION)
    vectors[:, 0] += common
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return FaceSet(
        photo_index=np.repeat(np.arange(photos, dtype=np.int32), faces_each),
        boxes=np.zeros((n, 4), np.float32),
        scores=np.ones(n, np.float32),
        landmarks=np.zeros((n, 5, 2), np.float32),
        quality=np.ones(n, np.float32),
        measures=np.zeros((n, 7), np.float32),
        embeddings=vectors.astype(np.float32),
        signs=unknown_signs(n),
    )


def test_threshold_of_random_directions_is_the_one_theory_gives():
    """Cosines of random directions in d dimensions are normal with variance 1 / d."""
    faces = album(photos=2000, faces_each=2)
    expected = NormalDist(0, DIMENSION**-0.5).inv_cdf(1 - FALSE_MATCH_RATE)
    result = calibrate_threshold(faces, default=0.4)
    assert result.album == pytest.approx(expected, abs=0.02)
    assert result.pairs == 2000


def test_stated_share_of_strangers_exceeds_the_album_threshold():
    faces = album(photos=3000, faces_each=2)
    threshold = calibrate_threshold(faces, default=0.4).album
    v = faces.embeddings
    similarities = (v @ v.T)[np.triu_indices(len(v), 1)]
    rate = float((similarities > threshold).mean())
    assert FALSE_MATCH_RATE / 3 < rate < FALSE_MATCH_RATE * 3


def test_network_whose_faces_are_all_alike_gets_a_higher_threshold():
    low = calibrate_threshold(album(500, 2), default=0.4)
    high = calibrate_threshold(album(500, 2, common=1.0), default=0.4)
    assert high.threshold > low.threshold + 0.2


@pytest.mark.parametrize("photos", [25, 100, 1000])
def test_few_pairs_are_blended_with_the_default(photos):
    result = calibrate_threshold(album(photos, 2), default=0.6)
    weight = photos / (photos + PRIOR_FACES)
    assert result.weight == pytest.approx(weight)
    assert result.threshold == pytest.approx(weight * result.album + (1 - weight) * 0.6)


def test_one_crowd_weighs_by_its_faces_not_by_its_pairs():
    result = calibrate_threshold(album(1, 50), default=0.4)
    assert result.pairs == 50 * 49 // 2
    assert result.weight == pytest.approx(49 / (49 + PRIOR_FACES))


@pytest.mark.parametrize("faces", [FaceSet.empty(), album(30, 1), album(LEAST_PAIRS - 1, 2)])
def test_without_pairs_it_is_the_default(faces):
    result = calibrate_threshold(faces, default=0.37)
    assert (result.threshold, result.album, result.weight) == (0.37, None, 0.0)


def test_the_same_person_twice_in_some_photos_hardly_matters():
    dice = np.random.default_rng(0)
    strangers = dice.normal(0, 0.1, 1000)
    montages = np.full(20, 0.95)
    clean, spoilt = map(impostor_threshold, (strangers, np.concatenate([strangers, montages])))
    assert abs(spoilt - clean) < 0.02


def test_order_of_the_faces_does_not_matter():
    faces = album(200, 3)
    shuffled = faces[np.random.default_rng(1).permutation(len(faces))]
    first, second = (calibrate_threshold(f, 0.4).threshold for f in (faces, shuffled))
    assert first == pytest.approx(second, abs=1e-6)


def test_a_photo_imported_many_times_counts_once():
    faces = album(200, 3)
    copies = faces[np.tile([0, 1, 2], 1000)]
    copies = replace(copies, photo_index=np.repeat(np.arange(200, 1200, dtype=np.int32), 3))
    many = calibrate_threshold(FaceSet.concatenate([faces, copies]), 0.4)
    assert many == calibrate_threshold(faces, 0.4)


def test_both_numbers_are_reported(caplog):
    with caplog.at_level(logging.INFO):
        result = calibrate_threshold(album(100, 2), default=0.4)
    assert f"album {result.album:.3f} (100 pairs" in caplog.text
    assert "default 0.400" in caplog.text
