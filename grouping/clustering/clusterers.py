"""The clusterers, behind one contract.

``fit_predict(vectors, constraints)`` gives labels, contiguous from 0, the largest cluster first,
-1 for a vector that is alone. It does not change its input and does not depend on the order of
the rows; ``label(vertices)`` does the same for vertices. Settings are attributes, as in
scikit-learn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from grouping.clustering.constraints import Constraints
from grouping.clustering.hdbscan_graph import hdbscan_labels
from grouping.clustering.merge_rule import SpreadRule
from grouping.clustering.micro_clusters import Vertices, link, vertices_of
from grouping.clustering.must_links import join_clusters
from grouping.records import Float32, Int64
from grouping.similarity.content_rank import content_rank


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
        vertices, member = vertices_of(vectors, constraints or Constraints())
        return by_size(self.label(vertices)[member], content_rank(vectors))

    def label(self, vertices: Vertices) -> Int64:
        """(m,) int64, the cluster of each vertex, must-links obeyed; -1 for none."""
        labels = self.cluster(vertices)
        links = vertices.must_link, vertices.cannot_link
        return join_clusters(vertices.sums, vertices.sizes, labels, *links)

    def cluster(self, vertices: Vertices) -> Int64:
        """(m,) int64, the cluster of each vertex before must-links; -1 for none."""
        raise NotImplementedError


@dataclass(frozen=True)
class AverageLinkage(Clusterer):
    """Agglomerative clustering by average cosine similarity.

    Attributes:
        threshold: smallest average similarity of a merge.
        judged: refuse merges by :class:`grouping.clustering.merge_rule.SpreadRule`; without it
            the result is that of plain average linkage.
    """

    threshold: float
    judged: bool = True
    leaves_noise: ClassVar[bool] = False

    def cluster(self, vertices: Vertices) -> Int64:
        """(m,) int64, the cluster of each vertex; a vertex alone is a cluster."""
        return link(vertices, self.threshold, SpreadRule(self.threshold) if self.judged else None)


@dataclass(frozen=True)
class Hdbscan(Clusterer):
    """HDBSCAN of the pairs at or above a similarity.

    Attributes:
        threshold: pairs less similar are not neighbours.
    """

    threshold: float
    leaves_noise: ClassVar[bool] = True

    def cluster(self, vertices: Vertices) -> Int64:
        """(m,) int64, the cluster of each vertex; -1 for noise."""
        return hdbscan_labels(vertices, self.threshold)


CLUSTERERS: dict[str, type[AverageLinkage] | type[Hdbscan]] = {
    "agglomerative": AverageLinkage,
    "hdbscan": Hdbscan,
}


def by_size(labels: Int64, rank: Int64, weight: Int64 | None = None, smallest: int = 2) -> Int64:
    """The same clusters numbered from the largest.

    Args:
        labels: (n,) int64 from 0, -1 for none.
        rank: (n,) int64, breaks ties between clusters by their smallest.
        weight: (k,) int64 for each label, the size to sort by before the number of rows.
        smallest: clusters of fewer rows become -1.
    """
    count = int(labels.max(initial=-1)) + 1 if weight is None else len(weight)
    inside = np.flatnonzero(labels >= 0)
    size = np.bincount(labels[inside], minlength=count)
    first = np.full(count, len(labels))
    np.minimum.at(first, labels[inside], rank[inside])
    order = np.lexsort((first, -size, np.zeros(count) if weight is None else -weight))
    kept = order[size[order] >= smallest]
    number = np.full(count + 1, -1)
    number[kept] = np.arange(len(kept))
    return number[labels]
