"""Groups of faces as people: what they look like, how alike their faces are, where they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from grouping.records import Float32, Float64, Int64
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.inner_products import pair_products

Bools = npt.NDArray[np.bool_]

# Two faces of one photo are two people, unless they are one seen several times: in a collage, a
# mirror, a poster. That is told by how alike the faces of two groups are, in shares of how alike
# the faces within each are: measured at most 0.60 for two people, 0.75 to 0.93 for parts of one. A
# small group says it less exactly, by FEW_FACES over the root of its faces less one.
ONE_PERSON, FEW_FACES = 0.80, 0.10
ONE_PERSON_FACE = 0.85  # the same for a single face
SHARED_PICTURES = 1 / 3  # of a group's pictures may hold it twice; more is no accident


@dataclass(frozen=True, eq=False)
class Candidates:
    """The faces that people are made of.

    Attributes:
        vectors: (m, d) float32, rows of unit length.
        picture: (m,) int64, the picture that each is in; copies of a picture have one number.
        core: (m,) bool, good faces, that say what their group looks like.
        apart: (c, 2) int64, pairs of faces that a person keeps apart.
        like_nobody: (m, k) float32, cosines with pictures without a face.
        sharing: the share of a group's pictures that may hold it twice, where the faces are alike
            enough; 0 for none.
    """

    vectors: Float32
    picture: Int64
    core: Bools
    apart: Int64
    like_nobody: Float32
    sharing: float = SHARED_PICTURES


class PersonGroups:
    """Groups of at least two faces.

    Weak faces are in a group and do not say what it looks like, unless hardly another face does.

    Args:
        faces: m of them.
        labels: (m,) int64 from 0, -1 for none; a label that a single face has is none.

    Attributes:
        label: (g,) int64, the label of each group.
        of_face: (m,) int64, the group of each face, -1 for none.
        sums: over the faces that count.
    """

    def __init__(self, faces: Candidates, labels: Int64) -> None:
        size = np.bincount(labels[labels >= 0], minlength=1)
        self.label = np.flatnonzero(size >= 2)
        place = np.full(len(size) + 1, -1)
        place[self.label] = np.arange(len(self.label))
        self._faces = faces
        self.of_face = place[labels]  # a label of -1 reads the last entry
        good = np.bincount(self.of_face[(self.of_face >= 0) & faces.core], minlength=len(self))
        counts = faces.core | np.append(good < 2, False)[self.of_face]
        self.sums = GroupSums(faces.vectors, np.where(counts, self.of_face, -1))

    def __len__(self) -> int:
        return len(self.label)

    @cached_property
    def directions(self) -> Float32:
        """(g, d) float32, the mean of each group brought to unit length."""
        return self.sums.directions()

    @cached_property
    def within(self) -> Float64:
        """(g,) float64, mean similarity of the pairs of faces of each."""
        size = self.sums.sizes
        squares = np.einsum("ij,ij->i", self.sums.sums, self.sums.sums, dtype=np.float64)
        return np.asarray((squares - size) / (size * (size - 1)), np.float64)

    @cached_property
    def _seen(self) -> csr_array:
        """(g, pictures) how many faces of each group each picture holds."""
        inside = np.flatnonzero(self.of_face >= 0)
        where = self.of_face[inside], self._faces.picture[inside]
        shape = len(self), int(self._faces.picture.max(initial=-1)) + 1
        return csr_array((np.ones(len(inside), np.int32), where), shape)

    @cached_property
    def pictures(self) -> Int64:
        """(g,) int64, how many pictures each is seen in."""
        return np.asarray(np.diff(self._seen.indptr), np.int64)

    @cached_property
    def twice(self) -> Int64:
        """(g,) int64, how many pictures hold each more than once."""
        return np.asarray((self._seen > 1).sum(axis=1), np.int64).ravel()

    def holds(self, group: int, picture: int) -> bool:
        """Return whether a picture shows a group."""
        start, stop = self._seen.indptr[group : group + 2]
        return bool((self._seen.indices[start:stop] == picture).any())

    def like_nobody(self) -> Float32:
        """Return (g,) float32, the largest cosine of each mean with a picture without a face."""
        members = GroupSums(self._faces.like_nobody, self.sums.labels)
        cosines = members.sums / self.sums.lengths()[:, None]
        return np.asarray(cosines.max(axis=1, initial=-1), np.float32)

    def between(self, a: Int64, b: Int64) -> Float64:
        """Return (p,) float64, mean similarity over the pairs of faces of groups (p,), (p,)."""
        products = pair_products(self.sums.sums, self.sums.sums, a, b).astype(np.float64)
        return products / (self.sums.sizes[a] * self.sums.sizes[b])

    def kept_apart(self, a: Int64, b: Int64) -> Bools:
        """Return (p,) bool, whether a person keeps faces of groups (p,) and (p,) apart."""
        ends = self.of_face[self._faces.apart]
        low, high = np.sort(ends[(ends >= 0).all(axis=1)], axis=1).T
        keys = np.minimum(a, b) * len(self) + np.maximum(a, b)
        return np.isin(keys, low * len(self) + high)

    def may_share(self, a: Int64, b: Int64) -> Bools:
        """Return (p,) bool, whether no picture that shows both speaks against one person."""
        seen = (self._seen > 0).astype(np.int32)
        shared = np.asarray(seen[a].multiply(seen[b]).sum(axis=1)).ravel()
        few = shared <= self._faces.sharing * np.maximum(self.pictures[a], self.pictures[b])
        within = np.sqrt(np.maximum(self.within[a], 0) * np.maximum(self.within[b], 0))
        smaller = np.minimum(self.sums.sizes[a], self.sums.sizes[b])
        needed = ONE_PERSON - FEW_FACES / np.sqrt(np.maximum(smaller - 1, 1))
        alike = self.between(a, b) >= needed * within
        return np.asarray((shared == 0) | (few & alike))

    def may_be_twice(self, face: int, group: int) -> bool:
        """Return whether a face may join a group that its own picture shows already."""
        if 1 + self.twice[group] > self._faces.sharing * self.pictures[group]:
            return False
        between = self._faces.vectors[face] @ self.sums.sums[group] / self.sums.sizes[group]
        return bool(between >= ONE_PERSON_FACE * self.within[group])
