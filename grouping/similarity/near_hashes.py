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
    byte_pairs = _byte_pairs(most)
    if len(a) * len(b) <= FEW or _shared_keys(a, b, byte_pairs) >= len(a) * len(b):
        return _compared_all(a, b, most)
    found = [
        _near(a, b, rows_a, rows_b, most)
        for i, j in byte_pairs
        for rows_a, rows_b in _of_equal_keys(_keys(a, i, j), _keys(b, i, j))
    ]
    return np.unique(np.concatenate(found), axis=0)


def _byte_pairs(most: int) -> list[tuple[int, int]]:
    """Return pairs of bytes, one of which is equal in hashes that differ in ``most`` bits."""
    sets = np.array_split(np.arange(HASH_BYTES), HASH_BYTES - most - 1)
    return [(int(i), int(j)) for one in sets for i, j in combinations(one, 2)]


def _keys(hashes: UInt8, i: int, j: int) -> UInt16:
    """Return (n,) uint16, two bytes of each of (n, 32) uint8 hashes."""
    return np.asarray(hashes[:, i].astype(np.uint16) << 8 | hashes[:, j], np.uint16)


def _shared_keys(a: UInt8, b: UInt8, byte_pairs: list[tuple[int, int]]) -> int:
    """Return how many comparisons it takes to compare those who share a key."""
    keys = ((_keys(a, i, j), _keys(b, i, j)) for i, j in byte_pairs)
    return sum(int(_counts(one) @ _counts(other)) for one, other in keys)


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
    """Return (n,) uint64, a quarter of the bits of (n, 32) uint8 hashes."""
    return np.ascontiguousarray(hashes[:, : HASH_BYTES // 4]).view(np.uint64)[:, 0]


def _near(a: UInt8, b: UInt8, rows_a: Int64, rows_b: Int64, most: int) -> Int64:
    """Return (p, 2) int64, those of the pairs of rows that differ in at most ``most`` bits."""
    # A quarter of the bits tells most of them apart.
    different = _quarter(a)[rows_a] ^ _quarter(b)[rows_b]
    maybe = np.flatnonzero(_ONES[different.view(np.uint16)].reshape(-1, 4).sum(axis=1) <= most)
    rows_a, rows_b = rows_a[maybe], rows_b[maybe]
    near = bits_apart(a[rows_a], b[rows_b]) <= most
    return np.stack([rows_a[near], rows_b[near]], axis=1)


def _compared_all(a: UInt8, b: UInt8, most: int) -> Int64:
    """Return (p, 2) int64, as :func:`near_hashes`, by comparing all with all."""
    step = max(1, PORTION // max(len(b), 1))
    found = [np.zeros((0, 2), np.int64)]
    for start in range(0, len(a), step):
        near = bits_apart(a[start : start + step, None], b[None]) <= most
        found.append(np.argwhere(near) + np.array([start, 0]))
    return np.concatenate(found)
