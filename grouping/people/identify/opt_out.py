"""Which faces of an album are those of people who want to be left out.

A person is known by a few references; groups show him better than these do. So groups are compared
with him by their means, single faces by themselves, and what was found helps to find the rest.
How alike is alike enough follows from two budgets and from how many faces there are: of strangers
who are taken for him, which is small, and of strangers whom somebody has to look at who reads
the list of borderline faces, which is not: whoever asks to be left out is worse off by a face that
is missed than anybody is by a line to be read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grouping.errors import InputError
from grouping.records import FaceSet, Float32, Int64
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import LEAST_COMPARISONS, Impostors
from grouping.similarity.pair_sets import connected_components

Bools = npt.NDArray[np.bool_]

# Faces, and groups, of strangers that are expected to be taken for a person; a group is worse.
# Chosen on one half of the people of an album of news photos, reported on the other: bench_opt_out.
FALSE_FACES, FALSE_GROUPS = 0.1, 0.01
# Faces of strangers, and for each face that is theirs, that somebody who looks for one person is
# expected to look at.
FALSE_LINES, FALSE_LINES_EACH = 4.0, 0.1
# A group of which so many faces are theirs is theirs.
MOST = 0.5
ROUNDS = 3  # what is found in one helps in the next
# A face that a larger share of strangers resembles as much says nothing of a person. Photos with
# one that is more like a reference are kept in no cache before it is known whose it is.
DOUBTFUL = 1e-2
DOUBTFUL_UNKNOWN = 0.0  # the same similarity for a network of which nothing is known


@dataclass(frozen=True, eq=False)
class OptOut:
    """References of people who want to be left out.

    Attributes:
        person: (r,) int64 from 0, whose face each is.
        vectors: (r, d) float32, rows of unit length.

    Raises:
        InputError: there is none, or the columns differ in length.
    """

    person: Int64
    vectors: Float32

    def __post_init__(self) -> None:
        if not len(self.person) or self.vectors.shape[:1] != self.person.shape:
            raise InputError(
                f"references need a person each, got {self.person.shape} and {self.vectors.shape}"
            )

    def similarity(self, vectors: Float32) -> Float32:
        """Return (n,) float32, of vectors (n, d) to the most similar reference of anybody."""
        return np.asarray((vectors @ self.vectors.T).max(axis=1, initial=-1), np.float32)

    def of_each(self) -> list[Float32]:
        """Return, for each person, their references (k, d) float32."""
        return [self.vectors[self.person == person] for person in np.unique(self.person)]


@dataclass(frozen=True, eq=False)
class OptedOutFaces:
    """Which faces are theirs.

    Attributes:
        sure: (n,) bool, faces that are left out.
        borderline: (n,) bool, others that a person should look at.
        similarity: (n,) float32, to the person, or the reference, that is most similar.
    """

    sure: Bools
    borderline: Bools
    similarity: Float32


def opted_out_faces(
    faces: FaceSet,
    labels: Int64,
    opt_out: OptOut,
    impostors: Impostors,
    linked: Int64 | None = None,
) -> OptedOutFaces:
    """Find the faces of people who want to be left out.

    Args:
        faces: n of an album, weak ones too.
        labels: (n,) int64, their groups from 0, -1 for none.
        opt_out: the people.
        impostors: how alike strangers are.
        linked: (m, 2) int64, pairs of faces of one person for certain: as a person said, or in
            copies of a picture. Where one is theirs, so is the other.
    """
    groups = GroupSums(faces.embeddings, labels)
    links = np.zeros((0, 2), np.int64) if linked is None else linked
    part = connected_components(links, len(faces))
    sure = np.zeros(len(faces), bool)
    borderline = sure.copy()
    similarity = np.full(len(faces), -1, np.float32)
    for references in opt_out.of_each():
        person = _Person(groups, part, references, impostors)
        found = person.faces()
        sure |= found
        borderline |= person.lookalikes(found)
        np.maximum(similarity, person.to_faces, out=similarity)
    return OptedOutFaces(sure, borderline & ~sure, similarity)


def doubtful_similarity(impostors: Impostors) -> float:
    """Return the similarity to a reference from which a face may be theirs, of any album."""
    return impostors.similarity(DOUBTFUL)


class _Person:
    """The search for one person.

    Args:
        groups: those of the album.
        part: (n,) int64, faces of one number are one person for certain.
        references: (k, d) float32 of the person.
        impostors: how alike strangers are.

    Attributes:
        to_faces: (n,) float32, how similar each face is to the person, as far as is known.
        to_groups: (K,) float32, the same of the means of groups.
    """

    def __init__(
        self, groups: GroupSums, part: Int64, references: Float32, impostors: Impostors
    ) -> None:
        self._groups, self._part = groups, part
        self._references, self._impostors = references, impostors
        self._directions = groups.directions()
        self.to_faces = np.full(len(groups.labels), -1, np.float32)
        self.to_groups = np.full(len(groups), -1, np.float32)

    def faces(self) -> Bools:
        """Return (n,) bool, the faces that are theirs."""
        found = np.zeros(len(self.to_faces), bool)
        looks = self._references
        for _ in range(ROUNDS):
            total = self._references.sum(axis=0) + self._groups.vectors[found].sum(axis=0)
            mean = total / max(float(np.linalg.norm(total)), 1e-6)
            looks = np.concatenate([self._references, mean[None]]).astype(np.float32)
            self._compare(looks)
            grown = self._with_theirs(found | self._alike())
            if (grown == found).all():
                break
            found = grown
        return found

    def lookalikes(self, found: Bools) -> Bools:
        """Return (n,) bool, faces that may be theirs.

        Args:
            found: (n,) bool, those that are.
        """
        lines = FALSE_LINES + FALSE_LINES_EACH * float(found.sum())
        lowest = self._needed(self.to_faces, lines)
        near = np.append(self.to_groups >= lowest, False)[self._groups.labels]
        return np.asarray((near | (self.to_faces >= lowest)) & ~found, bool)

    def _compare(self, looks: Float32) -> None:
        """Note how similar faces and groups are to (k, d) float32, the person as known so far."""
        faces = (self._groups.vectors @ looks.T).max(axis=1, initial=-1)
        groups = (self._directions @ looks.T).max(axis=1, initial=-1)
        np.maximum(self.to_faces, faces, out=self.to_faces)
        np.maximum(self.to_groups, groups, out=self.to_groups)

    def _alike(self) -> Bools:
        """Return (n,) bool, the faces that are alike enough, or whose groups are."""
        near = self.to_faces >= self._needed(self.to_faces, FALSE_FACES)
        theirs = self.to_groups >= self._needed(self.to_groups, FALSE_GROUPS)
        return np.asarray(near | np.append(theirs, False)[self._groups.labels], bool)

    def _needed(self, similarity: Float32, strangers: float) -> float:
        """Return the similarity that so many strangers among (m,) are expected to reach.

        Few who are compared are no reason to take less for alike: there are other albums.
        """
        rate = strangers / max(len(similarity), LEAST_COMPARISONS)
        return self._impostors.similarity(min(rate, DOUBTFUL))

    def _with_theirs(self, found: Bools) -> Bools:
        """Return (n,) bool, found with all faces of groups that are mostly so, and with links."""
        share = np.append(self._groups.totals(found[self._groups.inside]) / self._groups.sizes, 0)
        found = found | (share >= MOST)[self._groups.labels]
        return np.asarray(np.isin(self._part, np.unique(self._part[found])), bool)
