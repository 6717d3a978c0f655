"""Inner products of chosen pairs of vectors, without copies of the vectors."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from grouping.records import Float32

# (p,) integers, rows of an array.
Rows = npt.NDArray[np.integer]
# (x, y, rows, cols) -> (p,) float32, the inner products of some pairs; rows ascend.
PairProducts = Callable[[Float32, Float32, Rows, Rows], Float32]

# Rows that stay in the processor's cache while pairs are gathered.
PAIR_CHUNK = 256
# Up to this many vectors the work takes less time than importing torch. It depends on nothing
# else, so that a result is the same to the last bit whatever has been imported.
FEW_VECTORS = 10_000
# Fewer pairs are not worth the setting up of a sparse product.
MANY_PAIRS = 512
# One in so many rows asked for is few: then they are copied, and the others not even counted.
FEW_ROWS = 4


def products_among(n: int) -> PairProducts:
    """Return how products are made where there are ``n`` vectors in all, to the last bit.

    One function whatever the number of pairs: asked for in other portions, each comes out the same.
    """
    return sampled_products if n > FEW_VECTORS else gathered_products


def pair_products(x: Float32, y: Float32, rows: Rows, cols: Rows) -> Float32:
    """Return the inner product of each pair of a row of ``x`` and one of ``y``.

    Many pairs of many vectors go through torch where the rows are in ascending order.

    Args:
        x: (n, d) float32.
        y: (m, d) float32.
        rows, cols: (p,) integers, rows of ``x`` and of ``y``.

    Returns:
        (p,) float32.
    """
    if len(x) > FEW_VECTORS and len(rows) >= MANY_PAIRS and (rows[1:] >= rows[:-1]).all():
        return sampled_products(x, y, rows, cols)
    return gathered_products(x, y, rows, cols)


def gathered_products(x: Float32, y: Float32, rows: Rows, cols: Rows) -> Float32:
    """Return what :func:`pair_products` does, through numpy, from copies of some rows at a time.

    Args:
        x: (n, d) float32.
        y: (m, d) float32.
        rows, cols: (p,) integers, rows of ``x`` and of ``y``.

    Returns:
        (p,) float32.
    """
    products = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), PAIR_CHUNK):
        part = slice(start, start + PAIR_CHUNK)
        np.einsum("ij,ij->i", x[rows[part]], y[cols[part]], out=products[part])
    return products


def products_with(x: Float32, vector: Float32) -> Float32:
    """Return the inner product of each row with one vector, on one core.

    A product that BLAS shares among its threads leaves them spinning for a while, and a face
    network that runs meanwhile takes twice as long (``bench_service``).

    Args:
        x: (n, d) float32.
        vector: (d,) float32.

    Returns:
        (n,) float32.
    """
    return np.asarray(np.einsum("ij,j->i", x, vector), np.float32)


def sampled_products(x: Float32, y: Float32, rows: Rows, cols: Rows) -> Float32:
    """Return what :func:`pair_products` does, through torch, on all its threads.

    Args:
        x: (n, d) float32.
        y: (m, d) float32.
        rows, cols: (p,) integers, rows of ``x``, ascending, and of ``y``.

    Returns:
        (p,) float32.
    """
    torch = torch_for_products()
    if len(rows) < len(x) // FEW_ROWS:
        first = np.flatnonzero(np.diff(rows, prepend=-1))
        x, starts = x[rows[first]], np.append(first, len(rows))
    else:
        starts = np.searchsorted(rows, np.arange(len(x) + 1))
    wanted = torch.sparse_csr_tensor(
        torch.from_numpy(starts),
        torch.from_numpy(cols.astype(np.int64, copy=False)),
        torch.zeros(len(cols)),
        (len(x), len(y)),
        check_invariants=False,
    )
    found = torch.sparse.sampled_addmm(wanted, torch.from_numpy(x), torch.from_numpy(y).T, beta=0)
    products: Float32 = found.values().numpy()
    return products


@cache
def arithmetic_digest() -> str:
    """Return a digest of some products: equal where another machine rounds as this one does.

    What differs is the order of sums, which depends on the width of the processor's vectors.
    """
    x = np.random.default_rng(0).standard_normal((64, 512), np.float32)
    every = np.arange(len(x))
    parts = x @ x.T, gathered_products(x, x, every, every), sampled_products(x, x, every, every)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


@cache
def torch_for_products() -> Any:
    """Return torch, past its remarks; call it before threads make products."""
    import torch

    read_only = np.zeros(1, np.float32)
    read_only.setflags(write=False)
    with warnings.catch_warnings():
        # Each said once: "sparse tensors are in beta", "the array is not writable".
        warnings.simplefilter("ignore")
        torch.from_numpy(read_only)
        empty = torch.zeros(2, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)
        torch.sparse_csr_tensor(*empty, torch.zeros(0), (1, 1), check_invariants=False)
    return torch
