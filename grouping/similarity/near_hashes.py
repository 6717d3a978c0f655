"""Pairs of hashes of 256 bits that differ in few of them, all of them, without all comparisons.

Two hashes that differ in at most 20 bits have at least 12 of their 32 bytes in common. The bytes
are put into 11 sets, so that in one of these the two agree in two bytes: those who share two bytes
of a set are compared, one pair of hashes in two thousand (multi-index hashing: Norouzi et al. 2014,
"Fast Exact Search in Hamming Space with Multi-Index Hashing", arXiv:1307.2982).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from grouping.records import Int64, UInt8

UInt16 = npt.NDArray[np.uint16]
UInt64 = npt.NDArray[np.uint64]

HASH_BYTES = 32
KEYS = 1 << 16  # values that two bytes may have
FEW = 1 << 16  # so many pairs are compared one by one
PORTION = 1 << 21  # pairs compared at a time; 100 MB

_ONES = np.array([value.bit_count() for value in range(KEYS)], np.uint8)


def bits_apart(a: UInt8, b: UInt8) -> Int64:
    """Return (...) int64, in how many bits the last axes of (..., 32) uint8 arrays differ."""
    different = np.ascontiguousarray(a ^ b).view(np.uint16)
    return np.asarray(_ONES[different].sum(axis=-1, dtype=np.int64), np.int64)


def near_hashes(a: UInt8, b: UInt8, most: int) -> Int64:
    """Return the pairs of hashes that differ in at most ``most`` bits.

    Args:
        a: (n, 32) uint8.
        b: (m, 32) uint8.
        most: at most 29.

    Returns:
        (p, 2) int64, a row of ``a`` and one of ``b``, ascending.
    """
    every = len(a) * len(b)
    if every <= FEW or comparisons(a, b, most) == every:
        return _compared_all(a, b, most)
    found = [
        _near(a, b, rows_a, rows_b, most)
        for i, j in _byte_pairs(most)
        for rows_a, rows_b in _of_equal_keys(_keys(a, i, j), _keys(b, i, j))
    ]
    return np.unique(np.concatenate(found), axis=0)


def comparisons(a: UInt8, b: UInt8, most: int) -> int:
    """Return how many pairs of hashes :func:`near_hashes` compares, at most all."""
    keys = ((_keys(a, i, j), _keys(b, i, j)) for i, j in _byte_pairs(most))
    shared = sum(int(_counts(one) @ _counts(other)) for one, other in keys)
    return min(shared, len(a) * len(b))


def _byte_pairs(most: int) -> list[tuple[int, int]]:
    """Return pairs of bytes, one of which is equal in hashes that differ in ``most`` bits."""
    sets = np.array_split(np.arange(HASH_BYTES), HASH_BYTES - most - 1)
    return [(int(i), int(j)) for one in sets for i, j in combinations(one, 2)]


def _keys(hashes: UInt8, i: int, j: int) -> UInt16:
    """Return (n,) uint16, two bytes of each of (n, 32) uint8 hashes."""
    return np.asarray(hashes[:, i].astype(np.uint16) << 8 | hashes[:, j], np.uint16)


def _counts(keys: UInt16) -> Int64:
    """Return (KEYS,) int64, how often each key is among (n,) uint16."""
    return np.bincount(keys, minlength=KEYS)


def _of_equal_keys(keys_a: UInt16, keys_b: UInt16) -> Iterator[tuple[Int64, Int64]]:
    """Yield all pairs of rows (p,), (p,) int64 whose keys are equal, in portions."""
    order = np.argsort(keys_a, kind="stable")
    counts = _counts(keys_a)
    starts = np.cumsum(counts) - counts
    partners = counts[keys_b]
    portion = np.cumsum(partners) // PORTION
    for part in np.split(np.arange(len(keys_b)), np.flatnonzero(np.diff(portion)) + 1):
        many = partners[part]
        first = starts[keys_b[part]] - (np.cumsum(many) - many)
        yield order[np.repeat(first, many) + np.arange(many.sum())], np.repeat(part, many)


def _quarter(hashes: UInt8) -> UInt64:
    """Return (n,) uint64, a quarter of the bits of (n, 32) uint8 hashes: most pairs fail by it."""
    return np.ascontiguousarray(hashes[:, : HASH_BYTES // 4]).view(np.uint64)[:, 0]


def _ones(values: UInt64) -> UInt8:
    """Return (...) uint8, how many bits of each of (...) uint64 are set."""
    parts = _ONES[values.view(np.uint16).reshape(*values.shape, 4)]
    return np.asarray(parts[..., 0] + parts[..., 1] + parts[..., 2] + parts[..., 3], np.uint8)


def _near(a: UInt8, b: UInt8, rows_a: Int64, rows_b: Int64, most: int) -> Int64:
    """Return (p, 2) int64, those of the pairs of rows that differ in at most ``most`` bits."""
    maybe = _ones(_quarter(a)[rows_a] ^ _quarter(b)[rows_b]) <= most
    rows_a, rows_b = rows_a[maybe], rows_b[maybe]
    near = bits_apart(a[rows_a], b[rows_b]) <= most
    return np.stack([rows_a[near], rows_b[near]], axis=1)


def _compared_all(a: UInt8, b: UInt8, most: int) -> Int64:
    """Return (p, 2) int64, as :func:`near_hashes`, by comparing all with all."""
    step = max(1, PORTION // max(len(b), 1))
    quarter_a, quarter_b = _quarter(a), _quarter(b)
    found = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(a), step):
        maybe = _ones(quarter_a[start : start + step, None] ^ quarter_b) <= most
        rows_a, rows_b = np.nonzero(maybe)
        found.append(_near(a, b, rows_a + start, rows_b, most))
    return np.concatenate(found)
