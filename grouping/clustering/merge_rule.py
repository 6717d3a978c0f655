"""The rule that may refuse a merge of average linkage: how alike two clusters are within.

Average linkage merges at one similarity whatever it merges. Two mistakes follow, and both can
be told from the clusters themselves:

* Two lone faces have one similarity as all their evidence, and it is the best of very many:
  among strangers the best of a million pairs reaches what an ordinary pair of one person has.
  So two lone faces must clear the threshold by ``PAIR_MARGIN``.
* Two compact clusters that lie far apart are two people who look alike: siblings, or two heads
  of government in the same suit. Where the similarity between two clusters is ``MAX_GAP`` below
  that within both, they stay apart. Similarity within counts up to ``TYPICAL`` only, that of
  photos taken on different days: frames of one burst are more alike and would make every other
  photo of that person look far away.

The rule is asked at each merge, when both clusters are complete: splitting a finished group
into two well-separated halves would need them found again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grouping.records import Float64, Int64

PAIR_MARGIN = 0.06
MAX_GAP = 0.30
TYPICAL = 0.75


@dataclass(frozen=True)
class MergeRule:
    """The rule above for one threshold, as :mod:`grouping.clustering.average_linkage` asks it.

    Attributes:
        threshold: similarity at which the clusters are cut.
    """

    threshold: float

    def __call__(
        self,
        inner: Float64,
        sizes: Int64,
        low: Int64,
        high: Int64,
        similarity: Float64,
    ) -> npt.NDArray[np.bool_]:
        """Return (m,) bool, whether each pair of clusters may merge.

        Args:
            inner: (n,) float64, of all clusters, see :func:`mean_similarity_within`.
            sizes: (n,) int64, faces of each.
            low, high: (m,) int64, the pairs.
            similarity: (m,) float64, average similarity of each.
        """
        tighter = np.minimum(
            mean_similarity_within(inner[low], sizes[low]),
            mean_similarity_within(inner[high], sizes[high]),
        )
        alone = sizes[low] + sizes[high] == 2
        far = np.minimum(tighter, TYPICAL) - MAX_GAP
        needed = np.where(alone, self.threshold + PAIR_MARGIN, far)
        return np.asarray(similarity >= needed)


def mean_similarity_within(inner: Float64, sizes: Int64) -> Float64:
    """Return (m,) float64, the mean over the pairs of each cluster; infinite for one face.

    Args:
        inner: (m,) float64, sum of the similarities of all pairs of faces of a cluster.
        sizes: (m,) int64, faces of each.
    """
    pairs = sizes * (sizes - 1) / 2
    return np.where(pairs > 0, inner / np.maximum(pairs, 1), np.inf)
