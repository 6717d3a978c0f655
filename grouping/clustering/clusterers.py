"""The clusterers and the contract that they share.

``fit_predict(vectors, constraints)`` gives labels, contiguous from 0, the largest cluster first,
-1 for a vector that is alone. It does not change its input and does not depend on the order of
the rows; ``label(clusters)`` does the same for micro-clusters. Settings are attributes, as in
scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grouping.clustering.constraints import Constraints
from grouping.clustering.hdbscan_graph import hdbscan_labels
from grouping.clustering.linkage_in_parts import linkage_in_parts
from grouping.clustering.merge_rule import MergeRule
from grouping.clustering.micro_clusters import MicroClusters, micro_clusters_of
from grouping.clustering.must_links import join_linked_clusters
from grouping.records import Float32, Int64
from grouping.similarity.content_rank import content_rank
from grouping.similarity.group_sums import group_count
from grouping.similarity.impostors import Impostors


class Clusterer:
    """The contract; a clusterer gives :meth:`cluster`."""

    def fit_predict(self, vectors: Float32, constraints: Constraints | None = None) -> Int64:
        """Label unit vectors.

        Args:
            vectors: (n, d) float32, rows of unit length.
            constraints: pairs of rows that must or cannot be together.

        Returns:
            (n,) int64.

        Raises:
            InputError: vectors that are zero, not finite or not float32.
        """
        clusters, member = micro_clusters_of(vectors, constraints or Constraints())
        return by_size(self.label(clusters)[member], content_rank(vectors))

    def label(self, clusters: MicroClusters) -> Int64:
        """Return (m,) int64, the cluster of each, must-links obeyed; -1 for none."""
        return join_linked_clusters(clusters, self.cluster(clusters))

    def cluster(self, clusters: MicroClusters) -> Int64:
        """Return (m,) int64, the cluster of each before must-links; -1 for none."""
        raise NotImplementedError


@dataclass(frozen=True)
class AverageLinkage(Clusterer):
    """Agglomerative clustering by average cosine similarity.

    Attributes:
        threshold: smallest average similarity of a merge.
        judged: refuse merges by :class:`grouping.clustering.merge_rule.MergeRule`; without it
            the result is that of plain average linkage.
    """

    threshold: float
    judged: bool = True
    leaves_noise: ClassVar[bool] = False

    @classmethod
    def for_linkage(cls, threshold: float) -> AverageLinkage:
        """Return the one of this threshold."""
        return cls(threshold)

    def cluster(self, clusters: MicroClusters) -> Int64:
        """Return (m,) int64, the cluster of each; one alone is a cluster."""
        rule = MergeRule(self.threshold) if self.judged else None
        return linkage_in_parts(clusters, self.threshold, rule)


@dataclass(frozen=True)
class Hdbscan(Clusterer):
    """HDBSCAN of the pairs at or above a similarity.

    Attributes:
        threshold: pairs less similar are not neighbours.
    """

    threshold: float
    leaves_noise: ClassVar[bool] = True

    @classmethod
    def for_linkage(cls, threshold: float) -> Hdbscan:
        """Return the one to use where average linkage would use this threshold.

        A face joins by its best pair, not by the mean over all of them, and the best of many
        pairs is higher: one spread of strangers higher is asked for.
        """
        return cls(threshold + Impostors.of_threshold(threshold).spread)

    def cluster(self, clusters: MicroClusters) -> Int64:
        """Return (m,) int64, the cluster of each; -1 for noise."""
        return hdbscan_labels(clusters, self.threshold)


CLUSTERERS: dict[str, type[AverageLinkage] | type[Hdbscan]] = {
    "agglomerative": AverageLinkage,
    "hdbscan": Hdbscan,
}


def by_size(labels: Int64, rank: Int64, weight: Int64 | None = None, smallest: int = 2) -> Int64:
    """Return the same clusters numbered from the largest.

    Args:
        labels: (n,) int64 from 0, -1 for none.
        rank: (n,) int64, breaks ties between clusters by their smallest.
        weight: (k,) int64 for each label, the size to sort by before the number of rows.
        smallest: clusters of fewer rows become -1.

    Returns:
        (n,) int64, 0..j-1, -1 for none.
    """
    count = group_count(labels) if weight is None else len(weight)
    inside = np.flatnonzero(labels >= 0)
    size = np.bincount(labels[inside], minlength=count)
    first = np.full(count, len(labels))
    np.minimum.at(first, labels[inside], rank[inside])
    order = np.lexsort((first, -size, np.zeros(count) if weight is None else -weight))
    kept = order[size[order] >= smallest]
    number = np.full(count + 1, -1)
    number[kept] = np.arange(len(kept))
    return number[labels]
