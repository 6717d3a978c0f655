"""Labels to the members and the sums of each group."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from grouping.records import Float32, Int64
from grouping.similarity.inner_products import pair_products


def group_members(labels: Int64) -> list[Int64]:
    """For each label from 0, the rows that have it, ascending."""
    rows = np.flatnonzero(labels >= 0)
    order = rows[np.argsort(labels[rows], kind="stable")]
    count = int(labels.max(initial=-1)) + 1
    return np.split(order, np.searchsorted(labels[order], np.arange(1, count)))[:count]


def group_sums(vectors: Float32, labels: Int64, count: int) -> Float32:
    """(count, d) float32, the sum of the rows of each label; rows of label -1 are left out."""
    rows = np.flatnonzero(labels >= 0)
    order = rows[np.argsort(labels[rows], kind="stable")]
    starts = np.searchsorted(labels[order], np.arange(count + 1))
    member = csr_array((np.ones(len(order), np.float32), order, starts), (count, len(labels)))
    return np.asarray(member @ vectors, np.float32)


def own_products(vectors: Float32, sums: Float32, labels: Int64) -> Float32:
    """(n,) float32, the product of each row with the row of ``sums`` of its label, NaN for -1."""
    products = np.full(len(vectors), np.nan, np.float32)
    inside = np.flatnonzero(labels >= 0)
    products[inside] = pair_products(vectors, sums, inside, labels[inside])
    return products
