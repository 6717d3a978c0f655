"""What is known about faces before they are compared: must-links, cannot-links, ignored faces.

Both kinds of link are pairs without order; :func:`extend_cannot_links` makes the second follow
from the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from grouping.errors import InputError
from grouping.records import Int64
from grouping.similarity.pair_sets import connected_components, counted_off, distinct_pairs


def _no_pairs() -> Int64:
    """Return (0, 2) int64."""
    return np.zeros((0, 2), np.int64)


@dataclass(frozen=True, eq=False)
class Constraints:
    """What is known about faces before they are compared; indices of faces.

    Attributes:
        must_link: (m, 2) int64, pairs of faces of one person.
        cannot_link: (c, 2) int64, pairs of faces of different people.
        ignore: (k,) int64, faces that belong to no group.

    Raises:
        InputError: an array of another shape.
    """

    must_link: Int64 = field(default_factory=_no_pairs)
    cannot_link: Int64 = field(default_factory=_no_pairs)
    ignore: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        for name in ("must_link", "cannot_link"):
            pairs = getattr(self, name)
            if pairs.ndim != 2 or pairs.shape[1] != 2:
                raise InputError(f"{name} must be of shape (n, 2), got {pairs.shape}")
        if self.ignore.ndim != 1:
            raise InputError(f"ignore must be of shape (n,), got {self.ignore.shape}")

    def among(self, faces: Int64, n: int) -> Constraints:
        """Return the links between some of the faces only, in their numbering; nothing to ignore.

        Args:
            faces: (k,) int64, the faces to keep; the first becomes face 0.
            n: number of all faces.
        """
        place = np.full(n, -1)
        place[faces] = np.arange(len(faces))
        must, cannot = place[self.must_link], place[self.cannot_link]
        return Constraints(must[(must >= 0).all(1)], cannot[(cannot >= 0).all(1)])

    def neighbours(self) -> dict[int, set[int]]:
        """Return, for each face of a cannot-link, the faces that it cannot be with."""
        found: dict[int, set[int]] = {}
        for a, b in self.cannot_link.tolist():
            found.setdefault(a, set()).add(b)
            found.setdefault(b, set()).add(a)
        return found


def extend_cannot_links(cannot_link: Int64, must_link: Int64, n: int) -> Int64:
    """Return cannot-links extended to all that must be with either end.

    Where 0, 1, 2 must be together and so must 4, 5, and 0 cannot be with 3 nor 2 with 4::

        part       0 0 0 1 2 2     of 0 1 2 3 4 5: what must be together has one number
        low, high  (0, 1), (0, 2)  the parts that cannot be together
        members    0 1 2 | 3 | 4 5
        links      0-3 1-3 2-3 and 0-4 0-5 1-4 1-5 2-4 2-5

    A cannot-link between two that must be together is dropped: a must-link is said by a person,
    and contradictions between persons' words are found before.

    Args:
        cannot_link: (c, 2) int64.
        must_link: (m, 2) int64.
        n: all numbers are below.

    Returns:
        (k, 2) int64; where there are must-links each pair once, the smaller end first.
    """
    if not len(must_link):
        return cannot_link
    part = connected_components(must_link, n)
    low, high = distinct_pairs(part[cannot_link], n).T
    members = np.argsort(part, kind="stable")
    size = np.bincount(part, minlength=n)
    start = np.cumsum(size) - size
    # Every member of one part with every member of the other: in a pair of parts of 3 and 2,
    # the links are numbered 0 to 5, and link 3 is (1, 1), the second with the second.
    pair, link = counted_off(size[low] * size[high])
    one, other = np.divmod(link, size[high][pair])
    ends = members[start[low][pair] + one], members[start[high][pair] + other]
    return distinct_pairs(np.stack(ends, axis=1), n)
