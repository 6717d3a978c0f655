"""How old people seem, and of which gender, over all of their faces.

Each face has a say as large as its quality; of the copies of a picture all faces of a person
together have the say of one. Nothing here decides who is who.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grouping.records import FaceAttributes, Float32, Float64, Int64
from grouping.similarity.group_sums import group_members

CHILD_YEARS = 13.0  # younger people are confused more often, by this and by every face network
MALE = 0.5  # from here on a face counts as male
QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class PersonAttributes:
    """What one person seems to be.

    Attributes:
        age: weighted median over the faces, years; None where nothing is known of any face.
        age_range: weighted quartiles: half of the say lies between them. None likewise.
        gender: ``"female"`` or ``"male"``, as most of the say has it; None where nothing is
            known, or the faces are of two minds.
        gender_agreement: share of the say that is for it, in [0.5, 1]; None where nothing is known.
        faces: how many had a say.
        seems_child: whether ``age`` is below ``CHILD_YEARS``.
    """

    age: float | None
    age_range: tuple[float, float] | None
    gender: str | None
    gender_agreement: float | None
    faces: int
    seems_child: bool


def people_attributes(
    labels: Int64, faces: FaceAttributes, quality: Float32, picture: Int64
) -> tuple[PersonAttributes, ...]:
    """Return what each person seems to be, in the order of the groups.

    Args:
        labels: (n,) int64, the group of each face from 0, -1 for none.
        faces: of n faces.
        quality: (n,) float32 in [0, 1].
        picture: (n,) int64, the picture that each face is in, one number for all copies of one.
    """
    return tuple(
        _person(faces[members], quality[members], picture[members])
        for members in group_members(labels)
    )


def weighted_quantiles(values: Float64, weights: Float64, shares: tuple[float, ...]) -> Float64:
    """Return quantiles of weighted values, between values by straight lines.

    A value stands in the middle of its weight; with equal weights these are Hazen's quantiles, and
    the median is the one of everyday.

    Args:
        values: (m,) float64, m > 0.
        weights: (m,) float64, positive.
        shares: in [0, 1].
    """
    order = np.argsort(values, kind="stable")
    weight = weights[order] / weights.sum()
    middles = np.cumsum(weight) - weight / 2
    quantiles: Float64 = np.interp(shares, middles, values[order])
    return quantiles


def _person(faces: FaceAttributes, quality: Float32, picture: Int64) -> PersonAttributes:
    """One person, of their m faces: (m,) float32 and (m,) int64."""
    weights = _say(quality, picture, np.isfinite(faces.age) & np.isfinite(faces.male))
    used = weights > 0
    if not used.any():
        return PersonAttributes(None, None, None, None, 0, False)
    weights = weights[used]
    low, age, high = weighted_quantiles(faces.age[used].astype(np.float64), weights, QUARTILES)
    male = float(weights[faces.male[used] >= MALE].sum() / weights.sum())
    gender = None if male == 0.5 else "male" if male > 0.5 else "female"
    return PersonAttributes(
        age=float(age),
        age_range=(float(low), float(high)),
        gender=gender,
        gender_agreement=max(male, 1 - male),
        faces=int(used.sum()),
        seems_child=bool(age < CHILD_YEARS),
    )


def _say(quality: Float32, picture: Int64, known: np.ndarray) -> Float64:
    """(m,) float64, what each face counts; 0 for those of which nothing is ``known`` (m,) bool.

    Where no known face has any quality, they all count the same.
    """
    weights = np.where(known, quality, 0).astype(np.float64)
    if not weights.any():
        weights = known.astype(np.float64)
    _, place = np.unique(picture, return_inverse=True)
    copies = np.bincount(place, weights > 0)[place]
    return weights / np.maximum(copies, 1)
