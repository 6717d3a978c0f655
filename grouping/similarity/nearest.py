"""The most similar rows of a table of inner products that is made block by block."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from grouping.records import Float32, Int64

# Entries of the table that are in memory at a time.
TABLE = 16_000_000


def nearest_rows(
    x: Float32,
    y: Float32,
    k: int,
    *,
    exclude: npt.NDArray[np.integer] | None = None,
    earlier_only: bool = False,
    entries: int | None = None,
) -> tuple[Int64, Float32]:
    """Return, for each row of ``x``, the ``k`` rows of ``y`` of largest inner product.

    Args:
        x: (n, d) float32.
        y: (m, d) float32.
        k: how many.
        exclude: (n, e) integers, rows of ``y`` that do not count for each row of ``x``; what is
            no row of ``y``, such as -1, excludes nothing.
        earlier_only: row i is compared with rows 0..i-1 of ``y`` only.
        entries: of the table in memory at a time, ``TABLE`` by default.

    Returns:
        (n, k) int64, the most similar first, of equals the smallest number; -1 where there are
        no more. (n, k) float32, the products; minus infinity where there are no more.
    """
    nearest = np.full((len(x), k), -1, np.int64)
    similarity = np.full((len(x), k), -np.inf, np.float32)
    for part, table in _tables(x, y, exclude, earlier_only, entries or TABLE):
        row = np.arange(len(table))
        for place in range(min(k, table.shape[1])):
            best = table.argmax(axis=1)
            products = table[row, best]
            nearest[part, place] = np.where(np.isneginf(products), -1, best)
            similarity[part, place] = products
            table[row, best] = -np.inf
    return nearest, similarity


def largest_products(
    x: Float32,
    y: Float32,
    k: int,
    *,
    exclude: npt.NDArray[np.integer] | None = None,
    below: float = np.inf,
) -> Float32:
    """Return the products of :func:`nearest_rows` alone, unsorted.

    Args:
        x: (n, d) float32.
        y: (m, d) float32.
        k: how many.
        exclude: (n, e) integers, see :func:`nearest_rows`.
        below: products that are not less do not count.

    Returns:
        (n, min(k, m)) float32, minus infinity where there are no more.
    """
    m = len(y)
    k = min(k, m)
    largest = np.empty((len(x), k), np.float32)
    for part, table in _tables(x, y, exclude, False, TABLE):
        table[table >= below] = -np.inf
        largest[part] = np.partition(table, m - k, axis=1)[:, m - k :]
    return largest


def _tables(
    x: Float32,
    y: Float32,
    exclude: npt.NDArray[np.integer] | None,
    earlier_only: bool,
    entries: int,
) -> Iterator[tuple[slice, Float32]]:
    """Yield some rows of ``x`` at a time, and their products with ``y``.

    Args:
        x: (n, d) float32.
        y: (m, d) float32.
        exclude, earlier_only, entries: see :func:`nearest_rows`.

    Yields:
        The rows, r of them, and (r, m) float32, or as many columns as are earlier than the last
        row; minus infinity for what does not count. The caller may change it.
    """
    rows = max(1, entries // max(1, len(y)))
    for start in range(0, len(x), rows):
        part = slice(start, min(start + rows, len(x)))
        table = x[part] @ (y[: part.stop] if earlier_only else y).T
        if earlier_only:
            table[np.arange(table.shape[1]) >= np.arange(part.start, part.stop)[:, None]] = -np.inf
        if exclude is not None:
            row, column = np.nonzero((exclude[part] >= 0) & (exclude[part] < table.shape[1]))
            table[row, exclude[part][row, column]] = -np.inf
        yield part, table
