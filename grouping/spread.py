"""May two clusters that are similar on average be one person? Their own spread decides.

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

from grouping.records import Float32, Int64

PAIR_MARGIN = 0.06
MAX_GAP = 0.30
TYPICAL = 0.75


@dataclass(frozen=True)
class SpreadRule:
    """The rule above for one threshold, as :func:`grouping.linkage.average_linkage` asks it.

    Attributes:
        threshold: similarity at which the clusters are cut.
    """

    threshold: float

    def __call__(
        self,
        sums: Float32,
        sizes: Int64,
        low: Int64,
        high: Int64,
        similarity: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.bool_]:
        """(m,) bool, whether each pair of clusters may merge.

        Args:
            sums, sizes: of all clusters.
            low, high: (m,) int64, the pairs.
            similarity: (m,) float64, average similarity of each.
        """
        inner = np.minimum(within(sums, sizes, low), within(sums, sizes, high))
        alone = sizes[low] + sizes[high] == 2
        needed = np.where(alone, self.threshold + PAIR_MARGIN, np.minimum(inner, TYPICAL) - MAX_GAP)
        return np.asarray(similarity >= needed)


def within(sums: Float32, sizes: Int64, clusters: Int64) -> npt.NDArray[np.float64]:
    """(m,) float64, mean similarity over the pairs of each cluster; infinite for one face."""
    size = sizes[clusters].astype(np.float64)
    square = np.einsum("ij,ij->i", sums[clusters], sums[clusters], dtype=np.float64)
    pairs = size * (size - 1)
    return np.where(pairs > 0, (square - size) / np.maximum(pairs, 1), np.inf)
