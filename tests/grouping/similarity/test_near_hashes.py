"""Pairs of hashes that differ in few bits, against comparing all with all."""

import numpy as np
import pytest

from grouping.similarity import near_hashes as module
from grouping.similarity.near_hashes import bits_apart, near_hashes

MOST = 20


def some_hashes(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 32) uint8: half of them up to 40 bits away from one of the other half."""
    hashes = rng.integers(0, 256, (n, 32), dtype=np.uint8)
    for row in range(n // 2, n):
        bits = np.unpackbits(hashes[rng.integers(0, n // 2)])
        bits[rng.choice(256, rng.integers(0, 41), replace=False)] ^= 1
        hashes[row] = np.packbits(bits)
    return hashes


def by_definition(a: np.ndarray, b: np.ndarray, most: int) -> list[tuple[int, int]]:
    left, right = (np.unpackbits(x, axis=1).astype(np.int64) for x in (a, b))
    apart = left.sum(1)[:, None] + right.sum(1) - 2 * left @ right.T
    return [tuple(pair) for pair in np.argwhere(apart <= most).tolist()]


def test_bits_apart():
    a = np.zeros((2, 32), np.uint8)
    b = a.copy()
    b[0, 3], b[1] = 0b1010_0001, 255
    assert bits_apart(a, b).tolist() == [3, 256]


@pytest.mark.parametrize("most", [0, 5, MOST, 29])
@pytest.mark.parametrize("portion", [50, 1 << 21])
def test_no_pair_is_missed_and_none_is_wrong(monkeypatch, most, portion):
    monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(module, "PORTION", portion)
    hashes = some_hashes(600, np.random.default_rng(most))
    a, b = hashes[:250], hashes[250:]
    assert [tuple(pair) for pair in near_hashes(a, b, most).tolist()] == by_definition(a, b, most)


def test_a_pair_whose_bits_are_spread_as_badly_as_can_be(monkeypatch):
    monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(module, "_compared_all", None)  # that way would find them whatever they are
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (2000, 32), dtype=np.uint8)
    for _ in range(10):
        b = a.copy()
        b[:, rng.choice(32, MOST, replace=False)] ^= 1  # each bit in a byte of its own
        assert [pair for pair in near_hashes(a, b, MOST).tolist() if pair[0] == pair[1]] == [
            [row, row] for row in range(2000)
        ]


def test_many_alike_are_compared_all_with_all(monkeypatch):
    monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(module, "_of_equal_keys", None)
    same = np.full((300, 32), 7, np.uint8)
    assert len(near_hashes(same, same, MOST)) == 300 * 300


@pytest.mark.parametrize("sizes", [(0, 0), (0, 5), (5, 0)])
def test_no_hashes_no_pairs(sizes):
    a, b = (np.zeros((n, 32), np.uint8) for n in sizes)
    assert near_hashes(a, b, MOST).shape == (0, 2)
