"""Who of an album a face is: compared with the people first, then with faces outside of groups.

A face is compared with the mean of each group, brought to unit length, which shows a person better
than any face does. How alike is alike enough follows from the false matches that are allowed. Of n
strangers ``n * rate(similarity)`` are at least so similar, and the most similar of many leads the
next ones by so much in a share ``lead_rate`` of look-ups; the worse of both counts, as in
:mod:`grouping.people.second_look`. So a dozen people and a thousand need different similarities,
and somebody who resembles many has to resemble one of them clearly more.

Faces outside of groups are compared one by one, by the same rule. Each of the two steps may name a
stranger in a share ``FALSE_MATCHES`` of look-ups of people who are not in the album.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from grouping.people.rules import FIRST_LIKENESS
from grouping.records import FaceSet, Float32, Int64
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import LEAST_COMPARISONS, Impostors

# Chosen on one half of the people of an album of news photos with the bundled network: of 911 faces
# 0.3 % were taken for somebody else there and 1.1 % of 804 of the other half, 1.2 % with another
# network (bench_lookup). Half of it loses 0.6 % of the people who are there.
FALSE_MATCHES = 0.015
RIVALS = 5  # the next most similar that a lead is measured against


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
    def there(self) -> Int64:
        """(g,) int64, the groups that have a face."""
        return np.flatnonzero(self._groups.sizes)

    @cached_property
    def alone(self) -> Int64:
        """(m,) int64, the faces outside of groups."""
        return np.flatnonzero(self.labels == -1)

    @cached_property
    def _groups(self) -> GroupSums:
        return GroupSums(self.vectors, self.labels)

    @cached_property
    def _alone_vectors(self) -> Float32:
        return self.vectors[self.alone]

    def similarity_to_groups(self, vector: Float32) -> Float32:
        """Return (K,) float32 of a vector (d,); minus infinity for a group without faces."""
        similarity = np.full(len(self._groups), -np.inf, np.float32)
        similarity[self.there] = (self.directions @ vector)[self.there]
        return similarity

    def similarity_to_alone(self, vector: Float32) -> Float32:
        """Return (m,) float32 of a vector (d,) to the faces outside of groups."""
        return np.asarray(self._alone_vectors @ vector, np.float32)


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
    similarity = people.similarity_to_groups(vector)
    order = np.argsort(-similarity, kind="stable")[: len(people.there)]
    least, needed = needed_similarity(
        similarity[order], len(order), people.impostors, false_matches
    )
    best, highest = (int(order[0]), float(similarity[order[0]])) if len(order) else (-1, -math.inf)
    alike = order[1:][similarity[order[1:]] >= least]
    alone = people.similarity_to_alone(vector)
    _, alone_needed = needed_similarity(
        np.sort(alone)[::-1], len(alone), people.impostors, false_matches
    )
    matches = np.flatnonzero((alone >= alone_needed) & (alone > people.nobody[people.alone]))
    matches = matches[np.argsort(-alone[matches], kind="stable")]
    return Match(
        group=best if highest >= needed else -1,
        best=best,
        similarity=highest,
        needed=needed,
        also=alike if highest >= needed else alike[:0],
        alone=people.alone[matches],
        alone_similarity=alone[matches],
        alone_best=float(alone.max(initial=-np.inf)),
        alone_needed=alone_needed,
    )


def needed_similarity(
    similarity: Float32, comparisons: int, impostors: Impostors, false_matches: float
) -> tuple[float, float]:
    """Return the similarity from which one of those compared with is the person asked for.

    Args:
        similarity: (k,) float32, in descending order, at least the first ``RIVALS`` + 1 and all
            that may be alike enough.
        comparisons: that were made.
        impostors: how alike strangers are.
        false_matches: the share of look-ups of strangers that may find one.

    Returns:
        What is enough by itself, and with regard to the next ones, which have to be left behind.
    """
    least = impostors.similarity(false_matches / max(comparisons, LEAST_COMPARISONS))
    # What is alike enough itself is no rival: it may be the same person in another group.
    rivals = similarity[1:][similarity[1:] < least][:RIVALS]
    if not len(rivals):
        return least, least
    lead = impostors.lead_needed(false_matches, len(rivals))
    return least, max(least, float(rivals.mean()) + lead)
