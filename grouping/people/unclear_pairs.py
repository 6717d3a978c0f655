"""A person of two faces has to stand out.

Two faces have one similarity to speak for them, and for a mask, a helmet or a blur it is high
to many others too. So the similarity is judged against that of each face to the faces it
resembles most besides: the adaptive score normalisation of speaker recognition (Matějka et al.,
Interspeech 2017, doi:10.21437/Interspeech.2017-803), without its division by their spread, which a
few scores do not tell.
"""

from __future__ import annotations

import numpy as np

from grouping.clustering.merge_rule import PAIR_MARGIN
from grouping.clustering.micro_clusters import MicroClusters
from grouping.people.weak_faces import TABLE
from grouping.records import Float32, Int64
from grouping.similarity.inner_products import pair_products

# The most similar others. Their mean similarity, each taken as the threshold at least, has to be
# led by PAIR_MARGIN.
RUNNERS_UP = 5
# They are sought among this many faces: enough to show a face that is like many.
COHORT = 5_000


def dissolve_unclear_pairs(vertices: MicroClusters, labels: Int64, threshold: float) -> Int64:
    """Labels with -1 for groups of two vertices that do not stand out.

    A group whose two vertices a person has linked stays.

    Args:
        vertices: all faces, as vertices.
        labels: (m,) int64 from 0, -1 for none.
        threshold: smallest average similarity of a group.
    """
    size = np.bincount(labels[labels >= 0], minlength=1)
    members = np.flatnonzero(np.append(size == 2, False)[labels])
    members = members[np.argsort(labels[members], kind="stable")]  # two by two
    pairs = vertices.take(members)
    means = pairs.means()
    first = np.arange(0, len(members), 2)
    # MicroClusters are in no order that means anything.
    cohort = vertices.take(np.arange(min(COHORT, len(vertices)))).means()
    level = _level_besides(means, members, cohort, threshold).reshape(-1, 2).max(axis=1)
    unclear = pair_products(means, means, first, first + 1) < level + PAIR_MARGIN
    linked = pairs.must_link // 2
    unclear[linked[linked[:, 0] == linked[:, 1], 0]] = False
    kept = labels.copy()
    kept[members.reshape(-1, 2)[unclear]] = -1
    return kept


def _level_besides(means: Float32, members: Int64, cohort: Float32, floor: float) -> Float32:
    """How similar each face is to those of the cohort that it resembles most besides its partner.

    Args:
        means: (2p, d) float32 of the faces, two by two.
        members: (2p,) int64, the vertex of each.
        cohort: (c, d) float32, the first vertices.
        floor: similarity that lower ones are taken as.
    """
    level = np.empty(len(members), np.float32)
    partners = members.reshape(-1, 2)[:, ::-1].ravel()
    count = min(RUNNERS_UP, len(cohort))
    rows = max(1, TABLE // max(1, len(cohort)))
    for start in range(0, len(members), rows):
        part = slice(start, start + rows)
        table = means[part] @ cohort.T
        for own in (members[part], partners[part]):
            there = np.flatnonzero(own < len(cohort))
            table[there, own[there]] = -np.inf
        best = np.partition(table, len(cohort) - count, axis=1)[:, len(cohort) - count :]
        level[part] = np.maximum(best, floor).mean(axis=1)
    return level
