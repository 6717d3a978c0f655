"""Labels to the members, the sums and the means of each group.

A label of -1 is no group: such rows are left out everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from grouping.records import Float32, Float64, Int64
from grouping.similarity.inner_products import pair_products

ZERO = 1e-6  # a sum of unit vectors shorter than that is rounding


@dataclass(frozen=True, eq=False)
class GroupSums:
    """What several questions about groups of vectors need, each thing computed once.

    Attributes:
        vectors: (n, d) float32.
        labels: (n,) int64, groups 0..K-1, or -1.
    """

    vectors: Float32
    labels: Int64

    def __len__(self) -> int:
        return group_count(self.labels)

    @cached_property
    def inside(self) -> Int64:
        """(m,) int64, the rows that are in a group, ascending."""
        return np.flatnonzero(self.labels >= 0)

    @cached_property
    def sizes(self) -> Int64:
        """(K,) int64, the rows of each group."""
        return np.bincount(self.labels[self.inside], minlength=len(self))

    @cached_property
    def members(self) -> list[Int64]:
        """For each group its rows, (size,) int64, ascending."""
        return group_members(self.labels)

    @cached_property
    def sums(self) -> Float32:
        """(K, d) float32, the sum of the vectors of each group."""
        return group_sums(self.vectors, self.labels, len(self))

    def means(self) -> Float32:
        """Return (K, d) float32; the product of two is the average similarity of the groups."""
        sizes: Float32 = self.sizes.astype(np.float32)
        return self.sums / sizes[:, None]

    def directions(self) -> Float32:
        """Return (K, d) float32, the means brought to unit length; for zero the first axis."""
        directions = self.sums / self.lengths()[:, None]
        directions[np.linalg.norm(self.sums, axis=1) <= ZERO] = np.eye(1, self.sums.shape[1])
        return directions

    def lengths(self) -> Float32:
        """Return (K,) float32, those of the sums; 1 for zero: opposite vectors may be linked."""
        lengths: Float32 = np.linalg.norm(self.sums, axis=1)
        return np.where(lengths > ZERO, lengths, np.float32(1))

    def totals(self, values: npt.NDArray[Any]) -> Float64:
        """Return (K,) float64, over each group the sum of (m,) numbers of the rows ``inside``."""
        totals = np.bincount(self.labels[self.inside], values, minlength=len(self))
        return np.asarray(totals, np.float64)

    def products_with_own(self, of_groups: Float32) -> Float32:
        """Return (n,) float32, of each row with its group's of (K, d) float32; NaN for none."""
        return products_with_own_group(self.vectors, of_groups, self.labels)


def group_count(labels: Int64) -> int:
    """Return K where (n,) int64 labels go from 0 to K-1."""
    return int(labels.max(initial=-1)) + 1


def group_members(labels: Int64) -> list[Int64]:
    """Return, for each label from 0, the rows that have it, ascending.

    Args:
        labels: (n,) int64.

    Returns:
        K arrays, (size,) int64 each.
    """
    rows = np.flatnonzero(labels >= 0)
    order = rows[np.argsort(labels[rows], kind="stable")]
    count = group_count(labels)
    return np.split(order, np.searchsorted(labels[order], np.arange(1, count)))[:count]


def group_sums(vectors: Float32, labels: Int64, count: int) -> Float32:
    """Return the sum of the rows of each label.

    Args:
        vectors: (n, d) float32.
        labels: (n,) int64.
        count: of labels.

    Returns:
        (count, d) float32.
    """
    from scipy.sparse import csr_array  # half of the time that the program takes to start

    rows = np.flatnonzero(labels >= 0)
    order = rows[np.argsort(labels[rows], kind="stable")]
    starts = np.searchsorted(labels[order], np.arange(count + 1))
    member = csr_array((np.ones(len(order), np.float32), order, starts), (count, len(labels)))
    return np.asarray(member @ vectors, np.float32)


def products_with_own_group(vectors: Float32, of_groups: Float32, labels: Int64) -> Float32:
    """Return the inner product of each row with what is given for its group.

    Args:
        vectors: (n, d) float32.
        of_groups: (K, d) float32, a vector for each label.
        labels: (n,) int64.

    Returns:
        (n,) float32, NaN for a label of -1.
    """
    products = np.full(len(vectors), np.nan, np.float32)
    inside = np.flatnonzero(labels >= 0)
    products[inside] = pair_products(vectors, of_groups, inside, labels[inside])
    return products
