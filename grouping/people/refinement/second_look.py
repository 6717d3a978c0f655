"""A second look at groups: groups that are one person joined, faces that are theirs attached.

Average linkage compares two groups by the mean over all pairs of their faces. Where a person looks
different from photo to photo that mean is low however many faces there are, while the directions of
the two means are nearly the same. So after the linkage groups are compared by the cosine of their
means, and faces without a group with the means. How alike is alike enough follows from the joins
that are expected to be wrong:

* of n pairs of strangers, ``n * rate(similarity)`` are at least so similar;
* the most similar of many strangers leads the next ones by little: of n that look for their like,
  ``n * lead_rate`` lead by so much.

The worse of both counts. Joins are made from the surest down while few enough of those made are
expected to be wrong: an album of few people in many photos, with many joins and few comparisons,
comes to a lower similarity by itself than one of many people.

Groups whose mean is what the network makes of pictures without a face are dissolved.
"""

from __future__ import annotations

import numpy as np

from grouping.clustering.constraints import Constraints
from grouping.people.person_groups import Bools, Candidates, PersonGroups
from grouping.records import Float32, Float64, Int64
from grouping.similarity.cosine_graph import cosine_graph
from grouping.similarity.impostors import LEAST_COMPARISONS, RIVALS, Impostors, surest
from grouping.similarity.nearest import largest_products, nearest_rows

# Expected to be wrong, of the joins of groups and of the faces attached. From 0.005 to 0.05 and
# from 0.02 to 0.05 the scores of 57 albums and parts of albums are the same within 0.001.
FALSE_JOINS, FALSE_FACES = 0.02, 0.03
# Two groups whose faces are less alike than those within the looser one by more than this are two
# people, however alike their means are.
MAX_GAP = 0.33
# Joins bring means together that were not: groups that are one person in pieces need some rounds.
MOST_ROUNDS = 10
# Comparisons of faces with groups, beyond which there is one round: it takes the time.
MANY_COMPARISONS = 1_000_000_000
# A mean this many spreads above the mean of strangers like a picture without a face is nobody's:
# measured 5.1 to 10 for groups of blurs, collars and balls, at most 3.6 for people.
NOBODY = 4.5


def second_look(faces: Candidates, labels: Int64, waiting: Bools, impostors: Impostors) -> Int64:
    """Return labels after groups were joined and waiting faces attached.

    Args:
        faces: m of them.
        labels: (m,) int64 from 0, -1 for none; a label that a single face has is none.
        waiting: (m,) bool, faces that may be attached where they have no group; others are where a
            person put them.
        impostors: how alike strangers are.

    Returns:
        (m,) int64 from 0, -1 for none.
    """
    labels = without_nobodies(faces, labels, waiting, impostors)
    joined = attached = 0
    for _ in range(MOST_ROUNDS):
        labels, joins = join_groups(faces, labels, impostors, joined)
        labels, new = attach_faces(faces, labels, waiting, impostors, attached)
        joined, attached = joined + joins, attached + new
        if not joins + new or len(labels) * (int(labels.max(initial=0)) + 1) > MANY_COMPARISONS:
            break
    return without_nobodies(faces, labels, waiting, impostors)


def without_nobodies(
    faces: Candidates, labels: Int64, waiting: Bools, impostors: Impostors
) -> Int64:
    """Return labels (m,) int64 with -1 for groups that look like a picture without a face.

    Faces that do not wait stay together: a person said who they are.
    """
    groups = PersonGroups(faces, labels)
    nobody = groups.like_nobody() >= impostors.mean + NOBODY * impostors.spread
    return np.where(waiting & np.isin(labels, groups.label[nobody]), -1, labels)


def join_groups(
    faces: Candidates, labels: Int64, impostors: Impostors, made: int = 0
) -> tuple[Int64, int]:
    """Join groups that are one person by their means, each with one other.

    Args:
        faces: m of them.
        labels: (m,) int64 from 0, -1 for none.
        impostors: how alike strangers are.
        made: joins of earlier rounds.

    Returns:
        (m,) int64, the labels then, and how many joins were made.
    """
    groups = PersonGroups(faces, labels)
    n = len(groups)
    if n < 2:
        return labels, 0
    comparisons = max(n * (n - 1) / 2, LEAST_COMPARISONS)
    lowest = impostors.similarity(FALSE_JOINS * (made + n) / comparisons)
    graph = cosine_graph(groups.directions, lowest)
    a, b = graph.rows.astype(np.int64), graph.cols.astype(np.int64)
    allowed = _allowed(groups, a, b)
    a, b, similarity = a[allowed], b[allowed], graph.similarity[allowed]
    expected = np.maximum(
        comparisons * impostors.rate(similarity),
        n * _lead_rates(groups, a, b, similarity, lowest, impostors),
    )
    kept = surest(expected, made, FALSE_JOINS)
    kept = kept[np.lexsort((b[kept], a[kept], -similarity[kept]))]
    renamed = np.arange(int(labels.max(initial=0)) + 2)  # the last is that of -1
    renamed[-1] = -1
    used: set[int] = set()
    for one, other in zip(a[kept].tolist(), b[kept].tolist(), strict=True):
        if not used & {one, other}:  # else met again in the next round, with other means
            used |= {one, other}
            renamed[groups.label[other]] = groups.label[one]
    return renamed[labels], len(used) // 2


def _allowed(groups: PersonGroups, a: Int64, b: Int64) -> Bools:
    """Return (p,) bool, which of pairs (p,), (p,) of groups nothing speaks against."""
    gap = np.minimum(groups.within[a], groups.within[b]) - groups.between(a, b)
    return (gap <= MAX_GAP) & ~groups.kept_apart(a, b) & groups.may_share(a, b)


def _lead_rates(
    groups: PersonGroups,
    a: Int64,
    b: Int64,
    similarity: Float32,
    lowest: float,
    impostors: Impostors,
) -> Float64:
    """Return how surely each leads the others as the likeness of the other, the less sure of both.

    Groups alike enough to be pieces of the same person are no rivals.

    Args:
        groups: all of them.
        a, b: (p,) int64, pairs.
        similarity: (p,) float32, of each.
        lowest: similarity from which groups may be one person.
        impostors: how alike strangers are.

    Returns:
        (p,) float64.
    """
    own, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    rivals = largest_products(
        groups.directions[own], groups.directions, RIVALS, exclude=own[:, None], below=lowest
    )
    rates = impostors.lead_rate(np.tile(similarity, 2), rivals[place])
    return np.maximum(rates[: len(a)], rates[len(a) :])


def attach_faces(
    faces: Candidates, labels: Int64, waiting: Bools, impostors: Impostors, made: int = 0
) -> tuple[Int64, int]:
    """Put waiting faces into the groups that are theirs.

    Args:
        faces: m of them.
        labels: (m,) int64 from 0, -1 for none.
        waiting: (m,) bool, faces that may be attached where they have no group.
        impostors: how alike strangers are.
        made: faces attached in earlier rounds.

    Returns:
        (m,) int64, the labels then, and how many faces were attached.
    """
    groups = PersonGroups(faces, labels)
    free = np.flatnonzero(waiting & (groups.of_face < 0))
    if not len(free) or not len(groups):
        return labels, 0
    comparisons = max(len(free) * len(groups), LEAST_COMPARISONS)
    lowest = impostors.similarity(FALSE_FACES * (made + len(free)) / comparisons)
    nearest, products = nearest_rows(faces.vectors[free], groups.directions, 1 + RIVALS)
    nobody = faces.like_nobody[free].max(axis=1, initial=-1)
    near = np.flatnonzero((products[:, 0] >= lowest) & (products[:, 0] > nobody))
    similarity, rivals = products[near, 0], products[near, 1:]
    expected = impostors.false_finds(similarity, rivals, len(free), len(groups))
    wanted = _Places(faces, groups, free[near], nearest[near, 0])
    possible = np.flatnonzero(wanted.open())
    kept = possible[surest(expected[possible], made, FALSE_FACES)]
    taken = wanted.take(kept[np.argsort(-similarity[kept], kind="stable")])
    labels = labels.copy()
    labels[wanted.face[taken]] = groups.label[wanted.group[taken]]
    return labels, len(taken)


class _Places:
    """Faces and the groups that they would join.

    Args:
        faces: all faces.
        groups: all groups.
        face: (f,) int64, faces.
        group: (f,) int64, the group that each would join.
    """

    def __init__(self, faces: Candidates, groups: PersonGroups, face: Int64, group: Int64) -> None:
        self._faces, self._groups = faces, groups
        self.face, self.group = face, group
        concerned = np.isin(faces.apart, face).any(axis=1)
        self._forbidden = Constraints(cannot_link=faces.apart[concerned]).neighbours()

    def open(self) -> Bools:
        """Return (f,) bool, which may join their groups as these are."""
        return np.array([self._may_join(k) for k in range(len(self.face))], bool)

    def take(self, order: Int64) -> Int64:
        """Return (k,) int64, of (f,) int64 in this order those that may join after those before."""
        taken: list[int] = []
        inside: dict[int, set[int]] = {}  # faces that each group got
        shown: set[tuple[int, int]] = set()  # group and picture
        for k in order.tolist():
            face, group = int(self.face[k]), int(self.group[k])
            where = group, int(self._faces.picture[face])
            if where in shown or self._forbidden.get(face, set()) & inside.get(group, set()):
                continue
            taken.append(k)
            shown.add(where)
            inside.setdefault(group, set()).add(face)
        return np.array(taken, np.int64)

    def _may_join(self, k: int) -> bool:
        face, group = int(self.face[k]), int(self.group[k])
        of_face = self._groups.of_face
        if any(of_face[other] == group for other in self._forbidden.get(face, ())):
            return False
        if not self._groups.holds(group, int(self._faces.picture[face])):
            return True
        return self._groups.may_be_twice(face, group)
