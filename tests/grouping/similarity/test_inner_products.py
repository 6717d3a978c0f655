"""Inner products of chosen pairs, against float64."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.similarity.inner_products import (
    FEW_VECTORS,
    MANY_PAIRS,
    pair_products,
    products_with,
)
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


@pytest.mark.parametrize("n", [0, 1, 1000])
def test_products_with_one_vector_are_those_of_float64(n: int) -> None:
    rng = np.random.default_rng(n)
    x, vector = unit(rng.standard_normal((n, 512)) + 0.0), unit(rng.standard_normal((1, 512)))[0]
    found = products_with(x, vector)
    assert found.dtype == np.float32
    assert np.allclose(found, x.astype(float) @ vector.astype(float), atol=1e-6)
