"""Groups with all that is said about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grouping.people.description.purity import expected_purity
from grouping.people.description.review import MergeSuggestion, evidence, merge_suggestions
from grouping.people.rules import GroupingRules
from grouping.records import FaceSet, Float32, Int64
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import Impostors


@dataclass(frozen=True, eq=False)
class Grouping:
    """Who is who.

    Attributes:
        labels: (n,) int64, 0..K-1, or -1 for a face without a group. Group 0 is in the most
            photos; among equals the one of more faces comes first.
        similarity: (n,) float32, cosine similarity to the mean of its group, NaN for none.
        cohesion: (K,) float32, mean of ``similarity`` over each group.
        purity: (K,) float32, expected share of the faces that are the right person.
        representative: (K,) int64, the face that shows each group best.
        evidence: (n, 3) int64, the faces of its group that a face resembles most, -1 for none.
        evidence_similarity: (n, 3) float32, how much, NaN for none.
        merge_suggestions: groups that may be one person, the likeliest first.
        person: (K,) int64, who of those known beforehand each is, -1 for nobody of them.
    """

    labels: Int64
    similarity: Float32
    cohesion: Float32
    purity: Float32
    representative: Int64
    evidence: Int64
    evidence_similarity: Float32
    merge_suggestions: tuple[MergeSuggestion, ...]
    person: Int64

    def __len__(self) -> int:
        return len(self.cohesion)


def described(
    faces: FaceSet,
    labels: Int64,
    person: Int64,
    rank: Int64,
    rules: GroupingRules,
    cannot_link: Int64,
) -> Grouping:
    """Return the groups with all that is said about them.

    Args:
        faces: n of them.
        labels: (n,) int64, finished groups 0..K-1, -1 for none.
        person: (K,) int64, who of those known beforehand each group is, -1 for nobody of them.
        rank: (n,) int64, breaks ties.
        rules: by which the groups were made.
        cannot_link: (c, 2) int64, pairs of faces that a person keeps apart.
    """
    groups = GroupSums(faces.embeddings, labels)
    similarity = groups.products_with_own(groups.directions())
    cohesion = groups.totals(similarity[groups.inside]) / groups.sizes
    near, near_similarity = evidence(groups)
    right = rules.threshold if rules.measured is None else rules.measured
    impostors = Impostors.of_threshold(right)
    alone = (labels < 0) & (faces.quality >= rules.core_quality)
    people = len(groups) + int(alone.sum())
    return Grouping(
        labels=labels,
        similarity=similarity,
        cohesion=cohesion.astype(np.float32),
        purity=expected_purity(groups, impostors, people),
        representative=_representatives(groups, faces.quality, rank, similarity),
        evidence=near,
        evidence_similarity=near_similarity,
        merge_suggestions=merge_suggestions(groups, faces.photo_index, impostors, cannot_link),
        person=person,
    )


def _representatives(
    groups: GroupSums, quality: Float32, rank: Int64, similarity: Float32
) -> Int64:
    """Return the face of each group that is both typical of it and of good quality.

    Args:
        groups: K of them, of n faces.
        quality, similarity: (n,) float32, the second to the mean of its group.
        rank: (n,) int64, breaks ties.

    Returns:
        (K,) int64, faces.
    """
    inside, labels = groups.inside, groups.labels
    shows = similarity[inside] * quality[inside]
    order = inside[np.lexsort((rank[inside], -shows, labels[inside]))]
    return order[np.flatnonzero(np.diff(labels[order], prepend=-1))]
