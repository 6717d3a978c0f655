"""The first pass of the graph: all pairs that may reach the threshold, by a fast product.

Each pass multiplies two blocks of vectors in a precision that the processor has matrix units
for, and returns every pair that is not certainly below the threshold. The bounds are rigorous,
so that the second pass, which computes those pairs again, sees every edge:

* bfloat16 (8 significant bits) moves each entry by at most ``u = 2**-8`` of itself, so by
  Cauchy-Schwarz the product of two vectors of length <= 1 by at most ``2u + u**2``; rounding
  the result adds ``u`` of it, rounding the cut another: together less than ``BF16_MARGIN``.
* 8-bit integers with one scale for all vectors: the products are exact, and the length ``r`` of
  what rounding took from a vector is known, so a product moves by at most ``2r + r**2`` where
  ``r`` is the largest. It is 0.008 for random directions in 512 dimensions.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from functools import cache
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from grouping.records import Float32
from grouping.similarity.inner_products import (
    FEW_VECTORS,
    pair_products,
    sampled_products,
    torch_for_products,
)

BF16_MARGIN = 2.0**-6
FLOAT32_MARGIN = 1e-5
# Vectors so uneven that 8 bits leave more than this open are multiplied in bfloat16.
MAX_INT8_MARGIN = 0.06
# Rows that stay in the processor's cache while vectors are rounded.
ROUNDED_AT_ONCE = 256

# Row and column of each pair within a block, (p,) intp each.
Pairs = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


class Candidates(Protocol):
    """A first pass over fixed vectors; it may be pickled.

    Attributes:
        threads: how many may call :meth:`block` at once, each working on one core.
    """

    threads: int

    def part(self, rows: slice) -> Self:
        """Return the pass over some of the vectors, with the scale and the cut of all."""

    def block(self, rows: slice, cols: slice, other: Self | None = None) -> Pairs:
        """Return the places within the block of every pair that may reach the threshold.

        Args:
            rows: of the vectors.
            cols: of those of another part; the block is the products of the one with the other.
            other: that part, by default this one.

        Returns:
            Sorted by row, then by column.
        """

    def products(self, x: Float32, y: Float32, places: Pairs) -> Float32:
        """Return the inner product of each pair of a row of ``x`` and one of ``y``.

        Args:
            x: (r, d) float32, the vectors of the block's rows.
            y: (c, d) float32, those of its columns.
            places: p of them, sorted.

        Returns:
            (p,) float32.
        """


class Float32Candidates:
    """The first pass by a float32 product, in numpy, which has threads of its own.

    Args:
        vectors: (n, d) float32.
        threshold: smallest product asked for.
    """

    threads = 1

    def __init__(self, vectors: Float32, threshold: float) -> None:
        self._vectors = vectors
        self._cut = threshold - FLOAT32_MARGIN

    def products(self, x: Float32, y: Float32, places: Pairs) -> Float32:
        """Return (p,) float32 of (r, d), (c, d) and p places, see :class:`Candidates`."""
        return pair_products(x, y, *places)

    def part(self, rows: slice) -> Self:
        """Return the pass over some of the vectors."""
        part = copy(self)
        part._vectors = self._vectors[rows]
        return part

    def block(self, rows: slice, cols: slice, other: Self | None = None) -> Pairs:
        """Return the pairs of a block that may reach the threshold."""
        of_cols = (self if other is None else other)._vectors[cols]
        return _where(self._vectors[rows] @ of_cols.T >= self._cut)


class TorchCandidates:
    """What both passes in torch share; pickled as arrays, which may be read where they lie."""

    _vectors: Any

    def __init__(self) -> None:
        # Here and not in a worker: warnings are silenced for all threads at once.
        self._torch = torch = torch_for_products()
        self.threads = torch.get_num_threads()

    def __getstate__(self) -> dict[str, Any]:
        vectors, torch = self._vectors, self._torch
        if vectors.dtype == torch.bfloat16:  # which numpy does not have
            vectors = vectors.view(torch.int16)
        return self.__dict__ | {"_torch": None, "_vectors": vectors.numpy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        torch = torch_for_products()
        vectors = torch.from_numpy(state["_vectors"])
        if vectors.dtype == torch.int16:
            vectors = vectors.view(torch.bfloat16)
        self.__dict__ |= state | {"_torch": torch, "_vectors": vectors}

    def part(self, rows: slice) -> Self:
        """Return the pass over some of the vectors, with the scale and the cut of all."""
        part = copy(self)
        part._vectors = self._vectors[rows]
        return part

    def products(self, x: Float32, y: Float32, places: Pairs) -> Float32:
        """Return (p,) float32 of (r, d), (c, d) and p places, see :class:`Candidates`.

        Reads the rows where they are: twice as fast as copies.
        """
        return sampled_products(x, y, *places)


class BF16Candidates(TorchCandidates):
    """The first pass by a bfloat16 product.

    Args:
        vectors: (n, d) float32, rows no longer than 1.
        threshold: smallest product asked for.
    """

    def __init__(self, vectors: Float32, threshold: float) -> None:
        super().__init__()
        torch = self._torch
        self._vectors = torch.from_numpy(vectors).to(torch.bfloat16)
        self._cut = torch.tensor(threshold - BF16_MARGIN, dtype=torch.bfloat16)

    def block(self, rows: slice, cols: slice, other: Self | None = None) -> Pairs:
        """Return the pairs of a block that may reach the threshold."""
        of_cols = (self if other is None else other)._vectors[cols]
        product = self._vectors[rows] @ of_cols.T
        if self._cut <= 0:
            return _where((product >= self._cut).numpy())
        # Positive bfloat16 numbers are ordered as the integers of the same bits and negative
        # ones are negative integers; numpy compares those ten times as fast.
        bits = product.view(self._torch.int16).numpy()
        return _where(bits >= int(self._cut.view(self._torch.int16)))


class Int8Candidates(TorchCandidates):
    """The first pass by a product of 8-bit integers.

    Args:
        vectors: (n, d) float32.
        threshold: smallest product asked for.

    Attributes:
        margin: by how much a product may be off.
    """

    def __init__(self, vectors: Float32, threshold: float) -> None:
        super().__init__()
        largest = max(float(vectors.max(initial=0)), -float(vectors.min(initial=0)))
        scale = (largest or 1) / 127
        rounded = np.empty(vectors.shape, np.int8)
        lost = 0.0
        for start in range(0, len(vectors), ROUNDED_AT_ONCE):
            part = vectors[start : start + ROUNDED_AT_ONCE]
            whole = np.rint(part / scale)
            rounded[start : start + ROUNDED_AT_ONCE] = whole
            left = part - whole * np.float32(scale)
            lost = max(lost, float(np.einsum("ij,ij->i", left, left).max()))
        # A little more than the bound, for what float32 lost in computing it.
        residue = lost**0.5 + FLOAT32_MARGIN
        self.margin = 2 * residue + residue**2
        self._vectors = self._torch.from_numpy(rounded)
        self._cut = int(np.floor((threshold - self.margin) / scale**2))

    def block(self, rows: slice, cols: slice, other: Self | None = None) -> Pairs:
        """Return the pairs of a block that may reach the threshold."""
        of_cols = (self if other is None else other)._vectors[cols]
        product = self._torch._int_mm(self._vectors[rows], of_cols.T)
        return _where(product.numpy() >= self._cut)


FIRST_PASSES: dict[str, type[Float32Candidates] | type[BF16Candidates] | type[Int8Candidates]] = {
    "float32": Float32Candidates,
    "bf16": BF16Candidates,
    "int8": Int8Candidates,
}


def first_pass(vectors: Float32, threshold: float, precision: str) -> Candidates:
    """Return the pass of a precision.

    Args:
        vectors: (n, d) float32, rows no longer than 1.
        threshold: smallest product asked for.
        precision: a key of ``FIRST_PASSES``; ``"auto"`` is what is fastest here for these vectors.
    """
    if precision != "auto":
        return FIRST_PASSES[precision](vectors, threshold)
    if len(vectors) <= FEW_VECTORS:
        return Float32Candidates(vectors, threshold)
    if fastest() == "int8":
        candidates = Int8Candidates(vectors, threshold)
        if candidates.margin <= MAX_INT8_MARGIN:
            return candidates
    return BF16Candidates(vectors, threshold)


@cache
def fastest() -> str:
    """Return ``"int8"`` or ``"bf16"``, whichever one core multiplies faster."""
    vectors = np.random.default_rng(0).standard_normal((512, 512), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with single_core_threads(1) as pool:
        seconds = {
            name: pool.submit(_shortest, kind(vectors, 0.5)).result()
            for name, kind in (("int8", Int8Candidates), ("bf16", BF16Candidates))
        }
    return min(seconds, key=lambda name: seconds[name])


def _shortest(candidates: Candidates) -> float:
    """Return the seconds of the fastest of a few blocks: others may use the machine meanwhile."""
    laps = [time.perf_counter()]
    for _ in range(12):
        candidates.block(slice(None), slice(None))
        laps.append(time.perf_counter())
    return float(min(np.diff(laps)))


@contextmanager
def single_core_threads(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Open a pool whose threads each multiply on one core.

    Blocks are so small that threads inside a product would mostly wait for each other.
    """
    import torch

    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)


def _where(mask: npt.NDArray[np.bool_]) -> Pairs:
    """Return the places of the true entries of (r, c) bool; if few, faster than ``np.nonzero``."""
    rows, cols = np.divmod(np.flatnonzero(mask), mask.shape[1])
    return rows, cols
