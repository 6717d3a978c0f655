"""How often an album takes strangers for one person, measured on the album itself.

Two things are counted, without any label:

* pairs: faces of one photo are strangers. Copies of a photo count once; a photo that shows a
  person twice (a mirror, a collage) is left out whole, for it may show others twice as well.
  Families stand together in photos, so that the pairs are more alike than any two strangers.
* look-ups: every person of the album asks in turn after himself, with all of his faces taken out,
  as somebody would who is not in it. Where a person is in two groups this counts against the album.

A face with everybody else in a crowd is no more than one opinion on how alike people are, so that
as many opinions count as there are faces.

References:
    C. Clopper, E. Pearson, The use of confidence or fiducial limits illustrated in the case of the
    binomial, Biometrika 26, 1934.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from grouping.people.calibration import (
    FEWEST_PEOPLE,
    KNOWN_PEOPLE,
    UNKNOWN_PEOPLE,
    USUAL_SPREAD,
    album_impostors,
    people_of,
)
from grouping.people.identify.look_up import AlbumPeople, judged
from grouping.people.rules import CORE_QUALITY
from grouping.people.same_photo import same_photo_pairs
from grouping.records import FaceSet, Float32, Int64
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import MEAN, Impostors
from grouping.similarity.inner_products import pair_products

CONFIDENCE = 0.95
# People who ask after themselves; of more a sample, evenly spread. Bounds the time, and tells a
# share of 1.5 % to within 1.2 %.
MOST_ASKED = 500
BLOCK = 64  # who ask at once
# Photos of more faces are crowds, whose pairs would be all there is.
MOST_FACES = 30


@dataclass(frozen=True)
class Rate:
    """A share that was counted, and how well it is known.

    Attributes:
        count: how often it happened.
        of: of how many times.
        low, high: the share lies between them, with 95 % confidence.
    """

    count: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """What was counted; 0 of nothing is 0, and known to lie between 0 and 1."""
        return self.count / self.of if self.of else 0.0

    @classmethod
    def counted(cls, count: int, of: int, opinions: int | None = None) -> Rate:
        """A share with its exact binomial interval.

        Args:
            count: how often it happened.
            of: of how many times.
            opinions: how many of those are independent; all by default.
        """
        n = of if opinions is None else min(of, opinions)
        if not n:
            return cls(count, of, 0.0, 1.0)
        k, tail = count / of * n, (1 - CONFIDENCE) / 2
        low = float(betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
        high = float(betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
        return cls(count, of, low, high)


@dataclass(frozen=True, eq=False)
class StrangerPairs:
    """Pairs of faces of one photo, which are strangers.

    Attributes:
        similarity: (p,) float32, cosine of each pair.
        faces: how many faces they are of.
    """

    similarity: Float32
    faces: int

    def rate(self, similarity: float) -> Rate:
        """How many of the pairs are at least so similar."""
        count = int((self.similarity >= similarity).sum())
        return Rate.counted(count, len(self.similarity), self.faces)


def impostors_of(faces: FaceSet, labels: Int64, measured: float | None) -> tuple[Impostors, int]:
    """Return how alike strangers are in an album, and of how many people it says so itself.

    Args:
        faces: of the album.
        labels: (n,) int64 from 0, -1 for none.
        measured: the threshold that was measured for the network, None for an unknown one.

    Returns:
        The distribution; 0 people where it is the network's alone.
    """
    known = measured is not None
    prior = Impostors(MEAN, USUAL_SPREAD) if measured is None else Impostors.of_threshold(measured)
    people = people_of(faces, labels)
    found = album_impostors(people, prior, KNOWN_PEOPLE if known else UNKNOWN_PEOPLE)
    return found, len(people) if len(people) >= FEWEST_PEOPLE else 0


def stranger_pairs(faces: FaceSet, labels: Int64, picture: Int64) -> StrangerPairs:
    """Compare the clear faces of each photo with each other.

    Args:
        faces: n of them.
        labels: (n,) int64 from 0, -1 for none.
        picture: (n,) int64, the picture of each: its photo, or the one that this is a copy of.
    """
    count = np.bincount(faces.photo_index, minlength=1)[faces.photo_index]
    clear = (faces.quality >= CORE_QUALITY) & (picture == faces.photo_index) & (count <= MOST_FACES)
    rows = np.flatnonzero(clear & ~np.isin(faces.photo_index, _with_one_twice(faces, labels)))
    pairs = rows[same_photo_pairs(faces[rows], allow_same_face=False)]
    similarity = pair_products(faces.embeddings, faces.embeddings, *pairs.T)
    return StrangerPairs(similarity, len(np.unique(pairs)))


def _with_one_twice(faces: FaceSet, labels: Int64) -> Int64:
    """Return (k,) int64, photos in which one face or one person is seen twice."""
    inside = np.flatnonzero(labels >= 0)
    where = np.stack([faces.photo_index[inside].astype(np.int64), labels[inside]])
    places, count = np.unique(where, axis=1, return_counts=True)
    every = same_photo_pairs(faces, allow_same_face=False)
    apart = same_photo_pairs(faces, allow_same_face=True)
    photos = [faces.photo_index[pairs[:, 0]] for pairs in (every, apart)]
    pairs_of = [np.bincount(p, minlength=int(faces.photo_index.max(initial=0)) + 1) for p in photos]
    return np.union1d(places[0][count > 1], np.flatnonzero(pairs_of[0] > pairs_of[1]))


def look_ups_of_strangers(
    people: AlbumPeople, faces: FaceSet, picture: Int64, false_matches: float
) -> Rate:
    """Let people of an album ask after themselves, each without his own faces and pictures.

    Args:
        people: of the album.
        faces: the same, n of them.
        picture: (n,) int64, the picture of each.
        false_matches: that are allowed, see :func:`grouping.people.identify.look_up.look_up`.
    """
    asking = _one_of_each(people, faces)
    asking = asking[np.linspace(0, len(asking) - 1, min(len(asking), MOST_ASKED)).astype(np.int64)]
    named = 0
    for start in range(0, len(asking), BLOCK):
        rows = asking[start : start + BLOCK]
        to_groups = people.vectors[rows] @ people.directions.T
        to_groups[:, people.empty] = -np.inf
        inside = np.flatnonzero(people.labels[rows] >= 0)
        to_groups[inside, people.labels[rows[inside]]] = -np.inf
        to_alone = people.vectors[rows] @ people.alone_vectors.T
        to_alone[picture[rows, None] == picture[people.alone]] = -np.inf
        for of_groups, of_alone in zip(to_groups, to_alone, strict=True):
            found = judged(people, of_groups, of_alone, false_matches)
            named += found.group >= 0 or len(found.alone) > 0
    return Rate.counted(named, len(asking))


def _one_of_each(people: AlbumPeople, faces: FaceSet) -> Int64:
    """Return (p,) int64, a clear face of each group and every clear face outside of groups."""
    clear = faces.quality >= CORE_QUALITY
    groups = GroupSums(people.vectors, np.where(clear, people.labels, -1))
    typical = groups.products_with_own(people.directions)
    inside = np.flatnonzero(~np.isnan(typical))
    order = inside[np.lexsort((-typical[inside], people.labels[inside]))]
    first = order[np.flatnonzero(np.diff(people.labels[order], prepend=-1))]
    return np.concatenate([first, np.flatnonzero(clear & (people.labels == -1))])
