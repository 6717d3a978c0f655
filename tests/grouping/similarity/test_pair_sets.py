"""Sets of pairs, against numpy and plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.similarity.pair_sets import (
    connected_components,
    distinct_pairs,
    is_in_sorted,
    ordered_ends,
    sorted_order,
    unique_sorted,
)


@pytest.mark.parametrize("largest", [0, 1, 255, 2**16 - 1, 2**16, 2**33, 2**62])
@pytest.mark.parametrize("count", [0, 1, 2, 3000])
def test_radix_sort_is_the_stable_order(largest: int, count: int) -> None:
    keys = np.random.default_rng(0).integers(0, largest, count, endpoint=True)
    keys = np.repeat(keys, 2)[::-1].copy()
    assert np.array_equal(sorted_order(keys), np.argsort(keys, kind="stable"))
    assert np.array_equal(unique_sorted(keys), np.unique(keys))


@pytest.mark.parametrize("count", [0, 1, 500])
def test_distinct_pairs_have_no_order_and_no_loops(count: int) -> None:
    pairs = np.random.default_rng(0).integers(0, 20, (count, 2))
    expected = {tuple(sorted(pair)) for pair in pairs.tolist() if pair[0] != pair[1]}
    assert distinct_pairs(pairs, 20).tolist() == [list(pair) for pair in sorted(expected)]
    assert distinct_pairs(pairs, 20).shape == (len(expected), 2)


@pytest.mark.parametrize("count", [0, 1, 500])
def test_what_is_in_a_sorted_set(count: int) -> None:
    keys = np.unique(np.random.default_rng(0).integers(0, 1000, count))
    asked = np.arange(-1, 1001)
    assert np.array_equal(is_in_sorted(keys, asked), np.isin(asked, keys))


def test_ends_are_ordered_pair_by_pair() -> None:
    low, high = ordered_ends(np.array([3, 1, 2], np.int32), np.array([1, 2, 2], np.int32))
    assert (low.tolist(), high.tolist()) == ([1, 1, 2], [3, 2, 2])
    assert low.dtype == high.dtype == np.int64


def test_components_are_what_pairs_join() -> None:
    part = connected_components(np.array([[4, 1], [1, 3], [0, 5]]), 6)
    assert part[1] == part[3] == part[4]
    assert part[0] == part[5]
    assert len(np.unique(part)) == 3
    assert connected_components(np.zeros((0, 2), np.int64), 3).tolist() == [0, 1, 2]
