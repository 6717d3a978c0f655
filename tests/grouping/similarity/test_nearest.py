"""The most similar rows, against sorting the whole table."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.similarity import nearest
from grouping.similarity.nearest import largest_products, nearest_rows
from tests.helpers.vectors import unit


@pytest.fixture
def tables() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return unit(rng.standard_normal((30, 8))), unit(rng.standard_normal((12, 8)))


def check(found: np.ndarray, similarity: np.ndarray, table: np.ndarray) -> None:
    """``table`` holds minus infinity for what does not count."""
    for row, products in enumerate(table):
        order = [j for j in np.argsort(-products, kind="stable") if products[j] > -np.inf]
        wanted = (order + [-1] * found.shape[1])[: found.shape[1]]
        assert found[row].tolist() == wanted
        how = [products[j] if j >= 0 else -np.inf for j in wanted]
        assert similarity[row] == pytest.approx(how, abs=1e-6)


@pytest.mark.parametrize("entries", [1, 25, 1000])
@pytest.mark.parametrize("k", [1, 3, 14])
def test_the_nearest_in_blocks_of_any_size(tables, k: int, entries: int) -> None:
    x, y = tables
    check(*nearest_rows(x, y, k, entries=entries), x @ y.T)


@pytest.mark.parametrize("entries", [1, 25, 1000])
def test_what_is_excluded_does_not_count(tables, entries: int) -> None:
    x, y = tables
    exclude = np.random.default_rng(1).integers(-1, 14, (30, 3))
    table = x @ y.T
    for row, columns in enumerate(exclude.tolist()):
        table[row, [j for j in columns if 0 <= j < 12]] = -np.inf
    check(*nearest_rows(x, y, 11, exclude=exclude, entries=entries), table)


@pytest.mark.parametrize("entries", [1, 100, 1000])
def test_only_earlier_rows_count(tables, entries: int) -> None:
    x, _ = tables
    table = np.where(np.tri(30, k=-1, dtype=bool), x @ x.T, -np.inf)
    check(*nearest_rows(x, x, 2, earlier_only=True, entries=entries), table)


@pytest.mark.parametrize("k", [1, 5, 20])
def test_largest_products_are_those_of_the_nearest(tables, k: int, monkeypatch) -> None:
    monkeypatch.setattr(nearest, "TABLE", 40)
    x, y = tables
    exclude = np.stack([np.arange(30), np.arange(30) % 5], axis=1)
    _, similarity = nearest_rows(x, y, min(k, 12), exclude=exclude)
    assert np.array_equal(-np.sort(-largest_products(x, y, k, exclude=exclude), axis=1), similarity)


def test_nothing_to_compare() -> None:
    none, one = np.zeros((0, 8), np.float32), unit(np.ones((1, 8)))
    assert nearest_rows(none, one, 2)[0].shape == (0, 2)
    assert nearest_rows(one, none, 2)[0].tolist() == [[-1, -1]]
