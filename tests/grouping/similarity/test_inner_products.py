"""Inner products of chosen pairs, against float64."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.similarity.inner_products import FEW_VECTORS, MANY_PAIRS, pair_products
from tests.helpers.vectors import unit


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("n", [100, FEW_VECTORS + 1])
@pytest.mark.parametrize("pairs", [2 * MANY_PAIRS, FEW_VECTORS])  # of few rows, and of nearly all
def test_products_of_chosen_pairs_are_those_of_float64(n: int, ascending: bool, pairs: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((n, 64), dtype=np.float32), unit(rng.standard_normal((50, 64)))
    rows, cols = rng.integers(0, n, pairs), rng.integers(0, 50, pairs)
    if ascending:
        rows.sort()
    exact = (x[rows].astype(float) * y[cols]).sum(1)
    assert np.allclose(pair_products(x, y, rows, cols), exact, atol=1e-5)
