"""Who of an album a face is: compared with the people first, then with faces outside of groups.

A face is compared with the mean of each group, brought to unit length, which shows a person better
than any face does. How alike is alike enough follows from the false matches that are allowed. Of n
strangers ``n * rate(similarity)`` are at least so similar, and the most similar of many leads the
next ones by so much in a share ``lead_rate`` of look-ups; the worse of both counts, as in
:mod:`grouping.people.refinement.second_look`. So a dozen people and a thousand need different
similarities, and somebody who resembles many has to resemble one of them clearly more.

Faces outside of groups are compared one by one, by the same rule with a smaller allowance: one
photo says less of a person than several do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from grouping.records import FIRST_LIKENESS, FaceSet, Float32, Int64
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import LEAST_COMPARISONS, RIVALS, Impostors
from grouping.similarity.inner_products import products_with

# The share of look-ups of people who are not in the album that may name a person. Chosen on one
# half of the people of an album of news photos with the bundled network: 0.01 finds 0.4 % fewer of
# those who are there, 0.02 hardly more (bench_lookup).
FALSE_MATCHES = 0.0125
# Of that share, how much faces outside of groups may add.
ALONE_SHARE = 0.4


@dataclass(frozen=True, eq=False)
class AlbumPeople:
    """The faces of an album as a look-up compares with them; any thread may use it.

    Attributes:
        vectors: (n, d) float32, rows of unit length.
        labels: (n,) int64 from 0, -1 for a face outside of groups.
        nobody: (n,) float32, the largest cosine of each face with a picture without a face.
        impostors: how alike strangers are.
    """

    vectors: Float32
    labels: Int64
    nobody: Float32
    impostors: Impostors

    @classmethod
    def of(cls, faces: FaceSet, labels: Int64, impostors: Impostors) -> AlbumPeople:
        """The people of an album.

        Args:
            faces: n of them.
            labels: (n,) int64 from 0, -1 for none.
            impostors: how alike strangers are there.
        """
        nobody = faces.signs[:, FIRST_LIKENESS:].max(axis=1, initial=-1)
        return cls(faces.embeddings, labels, nobody, impostors)

    def without(self, rows: Int64) -> AlbumPeople:
        """The same album if faces were not in it; groups keep their numbers and rows theirs.

        Args:
            rows: (r,) int64.
        """
        labels = self.labels.copy()
        labels[rows] = GONE
        return replace(self, labels=labels)

    @cached_property
    def directions(self) -> Float32:
        """(K, d) float32, the mean of each group at unit length."""
        return self._groups.directions()

    @cached_property
    def empty(self) -> Int64:
        """(e,) int64, the groups that have no face."""
        return np.flatnonzero(self._groups.sizes == 0)

    @cached_property
    def alone(self) -> Int64:
        """(m,) int64, the faces outside of groups."""
        return np.flatnonzero(self.labels == -1)

    @cached_property
    def _groups(self) -> GroupSums:
        return GroupSums(self.vectors, self.labels)

    @cached_property
    def alone_vectors(self) -> Float32:
        """(m, d) float32, theirs."""
        return self.vectors[self.alone]

    def similarity_to_groups(self, vector: Float32) -> Float32:
        """Return (K,) float32 of a vector (d,); minus infinity for a group without faces."""
        similarity = products_with(self.directions, vector)
        similarity[self.empty] = -np.inf
        return similarity

    def similarity_to_alone(self, vector: Float32) -> Float32:
        """Return (m,) float32 of a vector (d,) to the faces outside of groups."""
        return products_with(self.alone_vectors, vector)


GONE = -2  # the label of a face that is left out of a look-up


@dataclass(frozen=True, eq=False)
class Match:
    """What a look-up found.

    Attributes:
        group: the person, -1 for nobody.
        best: the group that is most similar, -1 where there is none.
        similarity: to that one.
        needed: the similarity that would have been, or was, enough.
        also: (k,) int64, other groups that are so similar too, the most similar first.
        alone: (m,) int64, faces outside of groups that match on their own, the most similar first.
        alone_similarity: (m,) float32, how much.
        alone_best: the largest similarity to a face outside of groups; minus infinity for none.
        alone_needed: what a face outside of groups needs.
    """

    group: int
    best: int
    similarity: float
    needed: float
    also: Int64
    alone: Int64
    alone_similarity: Float32
    alone_best: float
    alone_needed: float


def look_up(people: AlbumPeople, vector: Float32, false_matches: float = FALSE_MATCHES) -> Match:
    """Find out who of an album a face is.

    Args:
        people: of the album.
        vector: (d,) float32 of unit length.
        false_matches: share of look-ups of strangers that may name somebody, in (0, 1).
    """
    to_groups = people.similarity_to_groups(vector)
    return judged(people, to_groups, people.similarity_to_alone(vector), false_matches)


def judged(
    people: AlbumPeople, to_groups: Float32, to_alone: Float32, false_matches: float
) -> Match:
    """Say from the similarities of a face who it is.

    Args:
        people: of the album.
        to_groups: (K,) float32, minus infinity for a group that does not count.
        to_alone: (m,) float32 to the faces outside of groups, minus infinity likewise.
        false_matches: see :func:`look_up`.
    """
    group, least, needed = _highest(to_groups, people.impostors, false_matches)
    lone, _, alone_needed = _highest(to_alone, people.impostors, ALONE_SHARE * false_matches)
    # What is more like a picture without a face than like the one who asks is nobody.
    nobody = people.nobody[people.alone]
    similarity, alone_best = _at(to_groups, group), _at(to_alone, lone)
    also = np.flatnonzero((to_groups >= least) & (similarity >= needed))
    also = also[np.argsort(-to_groups[also], kind="stable")]
    found = np.flatnonzero((to_alone >= alone_needed) & (to_alone > nobody))
    found = found[np.argsort(-to_alone[found], kind="stable")]
    return Match(
        group=group if similarity >= needed else -1,
        best=group,
        similarity=similarity,
        needed=needed,
        also=also[also != group],
        alone=people.alone[found],
        alone_similarity=to_alone[found],
        alone_best=alone_best,
        alone_needed=max(alone_needed, _at(nobody, lone)),
    )


def _highest(
    similarity: Float32, impostors: Impostors, false_matches: float
) -> tuple[int, float, float]:
    """Return the place of the largest of (k,) similarities, -1 for none, and what it needs."""
    comparisons = int(np.isfinite(similarity).sum())
    best = int(similarity.argmax()) if comparisons else -1
    return best, *needed_similarity(similarity, best, comparisons, impostors, false_matches)


def _at(similarity: Float32, place: int) -> float:
    return float(similarity[place]) if place >= 0 else -math.inf


def needed_similarity(
    similarity: Float32, best: int, comparisons: int, impostors: Impostors, false_matches: float
) -> tuple[float, float]:
    """Return the similarity from which one of those compared with is the person asked for.

    Args:
        similarity: (k,) float32, to all that may count.
        best: the place of the largest, -1 where there is none.
        comparisons: that were made.
        impostors: how alike strangers are.
        false_matches: the share of look-ups of strangers that may find one.

    Returns:
        What is enough by itself, and with regard to the next ones, which have to be left behind.
    """
    least = impostors.similarity(false_matches / max(comparisons, LEAST_COMPARISONS))
    # What is alike enough itself is no rival: it may be the same person in another group.
    rival = np.isfinite(similarity) & (similarity < least)
    if best >= 0:
        rival[best] = False
    rivals = similarity[rival]
    if len(rivals) > RIVALS:
        rivals = np.partition(rivals, len(rivals) - RIVALS)[-RIVALS:]
    if not len(rivals):
        return least, least
    lead = impostors.lead_needed(false_matches, len(rivals))
    return least, max(least, float(rivals.mean()) + lead)
