from __future__ import annotations

import logging

import numpy as np
import pytest

from backbone.runtime.self_check import (
    agrees,
    cosines,
    probe_crops,
    sample_crops,
    similarity_of_strangers,
    warn_if_strangers_match,
)


def test_sample_is_two_crops():
    crops = sample_crops()
    assert crops.shape == (2, 112, 112, 3)
    assert crops.dtype == np.uint8
    assert probe_crops().shape == (6, 112, 112, 3)
    assert np.abs(probe_crops()[2].mean() - crops[0].mean()) < 1


def test_cosines_of_known_vectors():
    a = np.array([[1, 0], [1, 1], [0, 0]], np.float32)
    b = np.array([[0, 2], [3, 3], [1, 0]], np.float32)
    assert cosines(a, b)[:2] == pytest.approx([0, 1])
    assert np.isnan(cosines(a, b)[2])


@pytest.mark.parametrize("angle", [0.01, 0.1])
def test_agreement_is_a_matter_of_angle(angle):
    exact = np.array([[1, 0], [1, 0]], np.float32)
    turned = np.array([[7, 0], [np.cos(angle), np.sin(angle)]], np.float32)
    assert agrees(turned, exact) == (angle < 0.02)


def test_not_a_number_never_agrees():
    assert not agrees(np.full((1, 2), np.nan, np.float32), np.ones((1, 2), np.float32))


@pytest.mark.parametrize(
    ("vectors", "warned"),
    [([[1, 0], [0, 1]], False), ([[1, 0.1], [1, 0]], True), ([[0, 0], [1, 0]], True)],
)
def test_warning(caplog, vectors, warned):
    with caplog.at_level(logging.WARNING):
        similarity = similarity_of_strangers(lambda crops: np.array(vectors, np.float32))
        warn_if_strangers_match("x.pth", similarity)
    assert ("x.pth: two different people" in caplog.text) == warned
