"""Choosing and contracting pairs of clusters, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.clustering.cluster_pairs import (
    ClusterPairs,
    at_or_above,
    compacted,
    contract,
    reciprocal_best,
)
from grouping.similarity.inner_products import gathered_products
from tests.helpers.vectors import unit


def made(n: int, seed: int) -> tuple[np.ndarray, ClusterPairs, np.ndarray]:
    """Sums of vectors, some pairs of them with their products or forbidden, and sizes."""
    rng = np.random.default_rng(seed)
    sums = unit(rng.standard_normal((n, 8)))
    low, high = np.triu_indices(n, 1)
    some = np.sort(rng.permutation(len(low))[: len(low) // 2])
    low, high = low[some], high[some]
    total = (sums[low] * sums[high]).sum(axis=1).astype(float)
    total[rng.random(len(total)) < 0.1] = -np.inf
    return sums, ClusterPairs(low, high, total), np.ones(n, np.int64)


@pytest.mark.parametrize("seed", range(5))
def test_contracted_pairs_hold_the_products_of_the_merged(seed: int) -> None:
    sums, pairs, _ = made(30, seed)
    kept, gone = np.array([0, 4, 9]), np.array([7, 5, 20])
    name = np.arange(30)
    name[gone] = kept
    expected: dict[tuple[int, int], float] = {}
    after = sums.copy()
    after[kept] += sums[gone]
    forbidden = set()
    for low, high, total in zip(pairs.low, pairs.high, pairs.total, strict=True):
        pair = tuple(sorted((int(name[low]), int(name[high]))))
        if pair[0] != pair[1]:
            expected[pair] = float(after[pair[0]] @ after[pair[1]])
            if total == -np.inf:
                forbidden.add(pair)
    expected |= dict.fromkeys(forbidden, -np.inf)
    same, changed = contract(pairs, kept, gone, after, np.arange(30), gathered_products)
    both = [pairs.take(same), changed]
    found = {
        (int(low), int(high)): float(total)
        for part in both
        for low, high, total in zip(part.low, part.high, part.total, strict=True)
    }
    assert sum(len(part.low) for part in both) == len(found)
    assert found == pytest.approx(expected, abs=1e-5)
    assert not {*both[0].low.tolist(), *both[0].high.tolist()} & {*kept.tolist(), *gone.tolist()}


def test_pairs_that_do_not_matter_are_dropped_and_places_are_without_gaps() -> None:
    _, pairs, sizes = made(60, 1)
    some, mean = at_or_above(pairs, sizes, 0.5)
    assert set(mean.tolist()) == {
        total for total in pairs.total.tolist() if total >= 0.5 or total == -np.inf
    }
    used, compact, kept = compacted(some, mean, 60)
    ends = {*some.low[mean > -np.inf].tolist(), *some.high[mean > -np.inf].tolist()}
    assert used.tolist() == sorted(ends)
    assert {
        (int(used[low]), int(used[high]), value)
        for low, high, value in zip(compact.low, compact.high, kept.tolist(), strict=True)
    } == {
        (int(low), int(high), value)
        for low, high, value in zip(some.low, some.high, mean.tolist(), strict=True)
        if value > -np.inf or {int(low), int(high)} <= ends
    }


def test_reciprocal_best_are_each_others_largest() -> None:
    _, pairs, _ = made(40, 2)
    table = np.full((40, 40), -np.inf)
    table[pairs.low, pairs.high] = table[pairs.high, pairs.low] = pairs.total
    chosen = reciprocal_best(pairs, pairs.total)
    assert len(chosen) > 3
    assert {(int(pairs.low[k]), int(pairs.high[k])) for k in chosen} == {
        (i, int(j)) for i, j in enumerate(table.argmax(axis=1)) if i < j and table[j].argmax() == i
    }


def test_of_equal_pairs_the_smallest_goes_first_and_forbidden_ones_never() -> None:
    pairs = ClusterPairs(np.array([0, 0, 1, 3]), np.array([1, 2, 2, 4]), np.zeros(4))
    assert reciprocal_best(pairs, np.array([0.5, 0.5, 0.5, -np.inf])).tolist() == [0]
    none = ClusterPairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    assert len(reciprocal_best(none, none.total)) == 0
