"""Merges that average linkage would do and the rule refuses."""

from __future__ import annotations

import numpy as np

from grouping.clustering.clusterers import AverageLinkage
from tests.helpers.vectors import unit


def test_compact_groups_far_apart_stay_apart() -> None:
    """Two people who look alike: 0.75 within, 0.42 between; plain average linkage joins them."""
    rng = np.random.default_rng(0)
    shared, *own = unit(rng.standard_normal((3, 512)))
    within, between = np.sqrt(0.78), np.sqrt(0.42 / 0.78)
    vectors = np.concatenate(
        [
            unit(
                within * unit((between * shared + np.sqrt(1 - between**2) * o)[None])
                + np.sqrt(1 - within**2) * unit(rng.standard_normal((8, 512)))
            )
            for o in own
        ]
    )
    assert AverageLinkage(0.38, judged=False).fit_predict(vectors).max() == 0
    assert AverageLinkage(0.38).fit_predict(vectors).tolist() == [0] * 8 + [1] * 8 or (
        AverageLinkage(0.38).fit_predict(vectors).tolist() == [1] * 8 + [0] * 8
    )


def test_two_lone_faces_need_more_than_the_threshold() -> None:
    def pair(similarity: float) -> np.ndarray:
        return unit(np.array([[1, 0, 0], [similarity, np.sqrt(1 - similarity**2), 0]]))

    assert AverageLinkage(0.38).fit_predict(pair(0.42)).tolist() == [-1, -1]
    assert AverageLinkage(0.38).fit_predict(pair(0.46)).tolist() == [0, 0]
