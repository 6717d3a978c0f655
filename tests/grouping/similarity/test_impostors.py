"""The distribution of strangers' similarities, against simulations and definitions."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.similarity.impostors import DECADE, Impostors, surest


def test_a_threshold_gives_itself_back():
    for threshold in (0.2, 0.3, 0.38, 0.5):
        assert Impostors.of_threshold(threshold).threshold == pytest.approx(threshold)


def test_a_threshold_below_all_strangers_is_one_that_everybody_reaches():
    assert Impostors.of_threshold(-1).similarity(1e-9) < 0.05


@pytest.mark.parametrize("rate", [0.3, 0.01, 1e-3, 1e-6, 1e-9])
def test_similarity_is_where_the_rate_is_reached(rate):
    impostors = Impostors(0.01, 0.09)
    reached = impostors.rate(impostors.similarity(rate))
    assert reached == pytest.approx(rate, rel=0.2 if rate == 0.01 else 1e-6)


def test_rate_falls_from_a_half_at_the_mean():
    impostors = Impostors(0.0, 0.1)
    rates = impostors.rate(np.linspace(0, 1, 200))
    assert rates[0] == pytest.approx(0.5)
    assert (np.diff(rates) <= 0).all()


def test_rate_is_that_of_a_normal_distribution_above_one_in_a_hundred():
    drawn = np.random.default_rng(0).normal(0.01, 0.09, 200_000)
    for similarity in (0.05, 0.1, 0.15, 0.2):
        expected = (drawn >= similarity).mean()
        assert Impostors(0.01, 0.09).rate(similarity) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("rivals", [1, 3, 5])
def test_leads_of_strangers_are_as_frequent_as_stated(rivals):
    """Of many with an exponential tail, the largest leads the mean of the next ones by chance."""
    impostors = Impostors(0.0, 0.1)
    beta = impostors.spread * DECADE / np.log(10)
    drawn = np.random.default_rng(1).exponential(beta, (40_000, 60))
    largest = -np.sort(-drawn, axis=1)[:, : rivals + 1].astype(np.float32)
    rates = impostors.lead_rate(largest[:, 0], largest[:, 1:])
    # The tail is exact where a single exponential is left of the sum.
    for rate in (0.1, 0.03, 0.01):
        assert (rates <= rate).mean() == pytest.approx(rate, rel=0.25)


def test_who_has_no_rival_leads_nobody_by_chance():
    none = np.full((2, 5), -np.inf, np.float32)
    assert Impostors(0.0, 0.1).lead_rate(np.array([0.1, 0.5], np.float32), none).tolist() == [0, 0]


def test_fewer_rivals_than_asked_for_count_as_they_are():
    impostors = Impostors(0.0, 0.1)
    few = np.array([[0.2, 0.1, -np.inf]], np.float32)
    exact = impostors.lead_rate(np.array([0.5], np.float32), few[:, :2])
    assert impostors.lead_rate(np.array([0.5], np.float32), few) == pytest.approx(exact)


def test_surest_joins_keep_the_share_of_false_ones():
    chance = np.random.default_rng(2)
    for _ in range(50):
        expected = chance.exponential(0.3, chance.integers(0, 12))
        made = int(chance.integers(0, 4))
        kept = surest(expected, made, 0.05)
        ranked = np.sort(expected)
        most = max(
            (k for k in range(1, len(ranked) + 1) if ranked[k - 1] <= 0.05 * (made + k)), default=0
        )
        assert expected[kept].tolist() == ranked[:most].tolist()


@pytest.mark.parametrize("rivals", [1, 2, 5])
@pytest.mark.parametrize("rate", [0.3, 0.01, 1e-5])
def test_the_lead_needed_is_where_the_rate_is_reached(rate, rivals):
    impostors = Impostors(0.01, 0.09)
    next_ones = np.full((1, rivals), 0.25, np.float32)
    leader = np.array([0.25 + impostors.lead_needed(rate, rivals)], np.float32)
    assert impostors.lead_rate(leader, next_ones) == pytest.approx(rate, rel=1e-4)
