"""What is known about faces before they are compared: must-links, cannot-links, ignored."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from grouping.errors import InputError
from grouping.records import Int64


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
