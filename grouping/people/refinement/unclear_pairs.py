"""Dissolves groups of two faces that do not stand out.

Two faces have one similarity to speak for them, and for a mask, a helmet or a blur it is high
to many others too. So the similarity is judged against that of each face to the faces it
resembles most besides: the adaptive score normalisation of speaker recognition (Matějka et al.,
Interspeech 2017, doi:10.21437/Interspeech.2017-803), without its division by their spread, which a
few scores do not tell.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grouping.clustering.merge_rule import PAIR_MARGIN
from grouping.clustering.micro_clusters import MicroClusters
from grouping.records import Float32, Int64
from grouping.similarity.inner_products import pair_products
from grouping.similarity.nearest import largest_products

# The most similar others. Their mean similarity, each taken as the threshold at least, has to be
# led by PAIR_MARGIN.
RUNNERS_UP = 5
# They are sought among this many faces: enough to show a face that is like many.
COHORT = 5_000


def dissolve_unclear_pairs(faces: MicroClusters, labels: Int64, threshold: float) -> Int64:
    """Return labels with -1 for groups of two that do not stand out.

    A group whose two faces a person has linked stays.

    Args:
        faces: m of them, identical ones as one.
        labels: (m,) int64 from 0, -1 for none.
        threshold: smallest average similarity of a group.

    Returns:
        (m,) int64.
    """
    pairs = _groups_of_two(labels)
    if not len(pairs):
        return labels
    members = pairs.ravel()
    means = faces.take(members).means()
    place = np.arange(len(members)).reshape(pairs.shape)  # of each pair's two in ``means``
    # They are in no order that means anything.
    cohort = faces.take(np.arange(min(COHORT, len(faces)))).means()
    partner = pairs[:, ::-1].ravel()
    level = _level_besides(means, np.stack([members, partner], axis=1), cohort, threshold)
    similarity = pair_products(means, means, place[:, 0], place[:, 1])
    unclear = similarity < level[place].max(axis=1) + PAIR_MARGIN
    kept = labels.copy()
    kept[pairs[unclear & ~_is_linked(labels[pairs[:, 0]], labels, faces.must_link)]] = -1
    return kept


def _groups_of_two(labels: Int64) -> Int64:
    """Return (p, 2) int64, the rows of each label that (m,) int64 labels have twice, ascending."""
    size = np.bincount(labels[labels >= 0], minlength=1)
    members = np.flatnonzero(np.append(size == 2, False)[labels])
    return members[np.argsort(labels[members], kind="stable")].reshape(-1, 2)


def _is_linked(asked: Int64, labels: Int64, must_link: Int64) -> npt.NDArray[np.bool_]:
    """Return (p,) bool, whether a must-link is within each group asked for.

    Args:
        asked: (p,) int64, labels from 0.
        labels: (m,) int64, -1 for none.
        must_link: (l, 2) int64, pairs of faces.
    """
    one, other = labels[must_link].T
    return np.isin(asked, one[one == other])


def _level_besides(means: Float32, besides: Int64, cohort: Float32, floor: float) -> Float32:
    """Return how similar each face is to those of the cohort that it resembles most.

    Args:
        means: (f, d) float32 of the faces.
        besides: (f, 2) int64, the face itself and its partner, which do not count.
        cohort: (c, d) float32, the first of all faces.
        floor: similarity that lower ones are taken as.

    Returns:
        (f,) float32, the mean over at most ``RUNNERS_UP``.
    """
    best = largest_products(means, cohort, RUNNERS_UP, exclude=besides)
    level: Float32 = np.maximum(best, floor).mean(axis=1)
    return level
