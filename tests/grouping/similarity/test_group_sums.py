"""Members, sums and means of groups, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.similarity.group_sums import GroupSums
from tests.helpers.vectors import unit


def test_everything_is_said_of_the_members_alone() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = unit(rng.standard_normal((60, 8))), rng.integers(-1, 7, 60)
    groups, values = GroupSums(vectors, labels), rng.standard_normal(60)
    assert len(groups) == 7
    totals = groups.totals(values[groups.inside])
    products = groups.products_with_own(groups.directions())
    for k in range(7):
        members = np.flatnonzero(labels == k)
        assert np.array_equal(groups.members[k], members)
        assert groups.sizes[k] == len(members)
        assert groups.sums[k] == pytest.approx(vectors[members].sum(axis=0), abs=1e-5)
        mean = vectors[members].mean(axis=0)
        assert groups.means()[k] == pytest.approx(mean, abs=1e-5)
        assert totals[k] == pytest.approx(values[members].sum())
        cosine = vectors[members] @ mean / np.linalg.norm(mean)
        assert products[members] == pytest.approx(cosine, abs=1e-5)
    assert np.isnan(products[labels < 0]).all()


@pytest.mark.parametrize("n", [0, 3])
def test_no_groups(n: int) -> None:
    groups = GroupSums(np.ones((n, 8), np.float32), np.full(n, -1))
    assert len(groups) == len(groups.members) == len(groups.sizes) == 0
    assert groups.sums.shape == groups.means().shape == groups.directions().shape == (0, 8)
    assert len(groups.totals(np.zeros(0))) == 0
