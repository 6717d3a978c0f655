"""The two thresholds of a network, and that they mean what they say on labelled faces."""

import numpy as np
import pytest

from grouping.people.identify.same_person import Verdict, VerdictRule
from grouping.similarity.impostors import Impostors


def test_rule_knows_what_its_rates_say():
    rule = VerdictRule(Impostors.of_threshold(0.38))
    assert rule.false_match_rate(rule.same_from()) == pytest.approx(1e-5, rel=1e-6)
    assert rule.false_match_rate(rule.different_below) == pytest.approx(1e-2, rel=1e-6)
    assert rule.false_match_rate(0.95) == 4e-6  # three in 730,000: rarer was not measured
    assert rule.false_match_rate(rule.same_from(50)) == pytest.approx(4e-6)
    assert rule.impostors.rate(rule.same_from(50)) == pytest.approx(1e-5 / 50)
    assert rule.verdict(rule.same_from(), 1) == Verdict.SAME
    assert rule.verdict(rule.same_from(), 2) == Verdict.UNSURE
    assert rule.verdict(rule.different_below) == Verdict.UNSURE
    assert rule.verdict(rule.different_below - 1e-6) == Verdict.DIFFERENT


def test_thresholds_never_cross():
    for threshold in (-1.0, 0.0, 0.2, 0.38, 0.9, 1.0):
        rule = VerdictRule(Impostors.of_threshold(threshold))
        for pairs in (0, 1, 2, 10**6):
            assert rule.same_from(pairs) >= rule.different_below
    lax = VerdictRule(Impostors.of_threshold(0.38), same_rate=0.5)
    assert lax.same_from() == lax.different_below
    assert {lax.verdict(value) for value in (0.2, 0.3)} == {Verdict.DIFFERENT, Verdict.SAME}


def test_strangers_drawn_at_random_are_hardly_ever_the_same():
    """Directions at random in few dimensions: normal, no heavier than the measured tail."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(2000, 100)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows, columns = np.triu_indices(2000, 1)
    similarity = (vectors @ vectors.T)[rows, columns]
    rule = VerdictRule(Impostors(0.0, float(similarity.std())))
    assert (similarity >= rule.same_from()).mean() <= 1e-5
    assert (similarity >= rule.different_below).mean() == pytest.approx(1e-2, rel=0.6)
