"""A person of two faces has to stand out.

Two faces have one similarity to speak for them, and for a mask, a helmet or a blur it is high
to many others too. So the similarity is judged against that of each face to the faces it
resembles most besides: the adaptive score normalisation of speaker recognition (Matějka et al.,
Interspeech 2017, doi:10.21437/Interspeech.2017-803), without its division by their spread, which a
few scores do not tell.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grouping.products import pair_products
from grouping.records import Float32, Int64
from grouping.spread import PAIR_MARGIN
from grouping.vertices import Vertices

# The most similar others. Their mean similarity, each taken as the threshold at least, has to be
# led by PAIR_MARGIN.
RUNNERS_UP = 5
# They are sought among this many faces: enough to show a face that is like many.
COHORT = 5_000
# Entries of the table of similarities that is in memory at a time.
TABLE = 16_000_000


def dissolve_unclear_pairs(vertices: Vertices, labels: Int64, threshold: float) -> Int64:
    """Labels with -1 for groups of two vertices that do not stand out.

    A group whose two vertices a person has linked stays.

    Args:
        vertices: all faces, as vertices.
        labels: (m,) int64 from 0, -1 for none.
        threshold: smallest average similarity of a group.
    """
    size = np.bincount(labels[labels >= 0], minlength=1)
    members = np.flatnonzero(np.append(size == 2, False)[labels])
    first, second = members[np.argsort(labels[members], kind="stable")].reshape(-1, 2).T
    means = vertices.means()
    cohort = means[:COHORT]  # vertices are in no order that means anything
    one, other = (
        _others_level(means, cohort, *pair, threshold)
        for pair in ((first, second), (second, first))
    )
    similarity = pair_products(means, means, first, second)
    unclear = similarity < np.maximum(one, other) + PAIR_MARGIN
    unclear &= ~_linked(first, second, vertices.must_link)
    kept = labels.copy()
    kept[first[unclear]] = kept[second[unclear]] = -1
    return kept


def _others_level(
    means: Float32, cohort: Float32, faces: Int64, partners: Int64, floor: float
) -> Float32:
    """(p,) float32, how similar each face is to those it resembles most besides its partner."""
    level = np.full(len(faces), floor, np.float32)
    count = min(RUNNERS_UP, len(cohort))
    rows = max(1, TABLE // len(cohort)) if len(cohort) else 1
    for start in range(0, len(faces), rows):
        part = slice(start, start + rows)
        table = means[faces[part]] @ cohort.T
        for own in (faces[part], partners[part]):
            there = np.flatnonzero(own < len(cohort))
            table[there, own[there]] = -np.inf
        best = np.partition(table, len(cohort) - count, axis=1)[:, len(cohort) - count :]
        level[part] = np.maximum(best, floor).mean(1)
    return level


def _linked(first: Int64, second: Int64, must_link: Int64) -> npt.NDArray[np.bool_]:
    """(p,) bool, which pairs a person has linked."""
    links = {frozenset(link) for link in must_link.tolist()}
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return np.array([frozenset(pair) in links for pair in pairs], bool)
