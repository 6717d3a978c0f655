"""People who are known beforehand, by faces that somebody vouches for: references.

References take part in the grouping like faces of the album: those of one person that agree belong
together, those of two never do, and a name goes to the group that its references are in. Somebody
whose references found no group is looked for among the groups that nobody claims and among single
faces, one to one and the surest first, while few enough of all names given are expected to be
wrong, as in :mod:`grouping.people.refinement.second_look`.

A list may be long: of ten thousand people there are fifty million pairs who must not share a group.
So those most alike are kept apart from the start, and a group that shows two names nevertheless is
taken apart in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from grouping.clustering.constraints import Constraints
from grouping.people.person_groups import Bools
from grouping.records import FaceSet, Float32, Int64
from grouping.similarity.cosine_graph import cosine_graph
from grouping.similarity.group_sums import GroupSums, group_count
from grouping.similarity.impostors import RIVALS, Impostors, surest
from grouping.similarity.nearest import nearest_rows
from grouping.similarity.pair_sets import connected_components

# Two photos of one person are less alike than this share of strangers in one of a hundred cases
# (album of news photos: 1.1 %): references of one name that are do not vouch for each other.
DISAGREEING = 1e-2
# Expected to be wrong, of the names given.
FALSE_NAMES = 0.002
# Pairs of people who are kept apart from the start.
MOST_PAIRS = 1_000_000


@dataclass(frozen=True, eq=False)
class KnownFaces:
    """Faces that somebody vouches for.

    Attributes:
        person: (r,) int64 from 0, whose face each is.
        faces: r of them.
        named: (n,) int64, for each face of the album the person whom somebody has named it as, -1
            for none; numbers that ``person`` does not have are other people. Names given in the
            album win over references.
    """

    person: Int64
    faces: FaceSet
    named: Int64

    def __len__(self) -> int:
        return len(self.person)


def agreeing_parts(known: KnownFaces, impostors: Impostors) -> Int64:
    """Return (r,) int64, numbers from 0: references of one person that agree have the same.

    Args:
        known: r references.
        impostors: how alike strangers are.
    """
    lowest = impostors.similarity(DISAGREEING)
    order = np.argsort(known.person, kind="stable")
    bounds = np.flatnonzero(np.diff(known.person[order], prepend=-1, append=-1))
    pairs = [np.zeros((0, 2), np.int64)]
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        rows = order[start:stop]
        graph = cosine_graph(known.faces.embeddings[rows], lowest)
        pairs.append(rows[np.stack([graph.rows, graph.cols], axis=1)].astype(np.int64))
    return connected_components(np.concatenate(pairs), len(known))


def with_known(
    faces: FaceSet, told: Constraints, known: KnownFaces, impostors: Impostors
) -> tuple[FaceSet, Constraints]:
    """Return the faces of the album followed by the references, and what is known of them all.

    Args:
        faces: n of the album.
        told: what a person said about them.
        known: r references.
        impostors: how alike strangers are.
    """
    n, r = len(faces), len(known)
    first_photo = int(faces.photo_index.max(initial=-1)) + 1
    references = replace(
        known.faces,
        photo_index=np.arange(first_photo, first_photo + r, dtype=np.int32),
        quality=np.ones(r, np.float32),
    )
    part = agreeing_parts(known, impostors)
    owner, speaker = _speakers(known, part, n)
    whole = FaceSet.concatenate([faces, references])
    return whole, Constraints(
        np.concatenate([told.must_link, _together(known, part, n)]),
        np.concatenate([told.cannot_link, _apart(whole.embeddings, owner, speaker, impostors)]),
        told.ignore,
    )


def _together(known: KnownFaces, part: Int64, n: int) -> Int64:
    """Return (m, 2) int64, a chain through the references that agree, and to the faces named so.

    Args:
        known: r references, numbered from n.
        part: (r,) int64, see :func:`agreeing_parts`.
        n: faces of the album.
    """
    order = np.argsort(part, kind="stable")
    same = np.flatnonzero(np.diff(part[order]) == 0)
    chains = n + np.stack([order[same], order[same + 1]], axis=1)
    first_named = _first_of_each(known.named, np.flatnonzero(known.named >= 0))
    size = np.bincount(part)[part]
    best = np.lexsort((-size, known.person))  # of each person the largest part that agrees
    _, place = np.unique(known.person[best], return_index=True)
    told = [
        (first_named[person], n + reference)
        for person, reference in zip(known.person[best[place]], best[place], strict=True)
        if person in first_named
    ]
    return np.concatenate([chains, np.array(told, np.int64).reshape(-1, 2)]).astype(np.int64)


def _first_of_each(owner: Int64, rows: Int64) -> dict[int, int]:
    """Return for each owner the first of those (k,) rows that are his."""
    people, place = np.unique(owner[rows], return_index=True)
    return dict(zip(people.tolist(), rows[place].tolist(), strict=True))


def _speakers(known: KnownFaces, part: Int64, n: int) -> tuple[Int64, Int64]:
    """Return one face for each part of each person: (s,) int64 whose, and (s,) int64 which."""
    _, first = np.unique(part, return_index=True)
    named = _first_of_each(known.named, np.flatnonzero(known.named >= 0))
    owner = np.concatenate([known.person[first], np.array([*named], np.int64)])
    return owner, np.concatenate([n + first, np.array([*named.values()], np.int64)])


def _apart(vectors: Float32, owner: Int64, speaker: Int64, impostors: Impostors) -> Int64:
    """Return (c, 2) int64, pairs of faces of two people, the most similar where they are many.

    Args:
        vectors: (n + r, d) float32.
        owner: (s,) int64, whose face each speaker is.
        speaker: (s,) int64, rows of ``vectors``.
        impostors: how alike strangers are.
    """
    s = len(speaker)
    if s * (s - 1) / 2 <= MOST_PAIRS:
        a, b = np.triu_indices(s, 1)
    else:
        lowest = impostors.similarity(MOST_PAIRS / (s * (s - 1) / 2))
        graph = cosine_graph(vectors[speaker], lowest)
        a, b = graph.rows.astype(np.int64), graph.cols.astype(np.int64)
    two = owner[a] != owner[b]
    return np.stack([speaker[a[two]], speaker[b[two]]], axis=1)


def settle_names(
    faces: FaceSet, labels: Int64, known: KnownFaces, impostors: Impostors
) -> tuple[Int64, Int64]:
    """Return labels of the album in which nobody shares a group, and whose each label is.

    Args:
        faces: n of the album followed by r references.
        labels: (n + r,) int64 from 0, -1 for none.
        known: the references.
        impostors: how alike strangers are.

    Returns:
        (n,) int64 from 0, -1 for none, and (l,) int64, the person of each label, -1 for none. At
        most one label is a person's; others in which references of the same person are stay
        without a name.
    """
    n = len(faces) - len(known)
    owner = np.concatenate([known.named, known.person])
    labels = _without_shared(faces.embeddings, labels, owner)
    labels[:n] = np.where(_single(labels[:n]) & (known.named < 0), -1, labels[:n])
    person = _claims(labels, owner, n)
    here, person = _look_for_others(faces.embeddings, labels, person, known, impostors)
    return here, np.where(np.isin(person, known.person), person, -1)


def _single(labels: Int64) -> Bools:
    """Return (n,) bool, which faces are the only one of the album with their label.

    To be joined by a reference says less than to be found by it among all others: such a face is
    looked for anew.
    """
    size = np.bincount(labels[labels >= 0], minlength=1)
    return np.append(size == 1, False)[labels]


def _without_shared(vectors: Float32, labels: Int64, owner: Int64) -> Int64:
    """Return labels (n,) int64 with groups of several people taken apart.

    Each face that nobody has named goes to the one whose faces it is most similar to.

    Args:
        vectors: (n, d) float32.
        labels, owner: (n,) int64, -1 for none.
    """
    told = np.flatnonzero((labels >= 0) & (owner >= 0))
    pairs = np.unique(np.stack([labels[told], owner[told]]), axis=1)
    shared = np.flatnonzero(np.bincount(pairs[0], minlength=1) > 1)
    labels, fresh = labels.copy(), group_count(labels)
    for label in shared.tolist():
        members = np.flatnonzero(labels == label)
        people, whose = np.unique(owner[members], return_inverse=True)
        whose = whose - int(people[0] < 0)
        sums = GroupSums(vectors[members], whose)
        mine = np.where(whose >= 0, whose, (vectors[members] @ sums.directions().T).argmax(axis=1))
        labels[members] = np.where(mine == 0, label, fresh + mine - 1)
        fresh += len(sums) - 1
    return labels


def _claims(labels: Int64, owner: Int64, n: int) -> Int64:
    """Return (l,) int64, the person of each label that has a face of the album.

    Of several labels with references of one person the one of most faces of the album is theirs.

    Args:
        labels, owner: of n faces of the album followed by references.
        n: how many these are.
    """
    person = np.full(group_count(labels), -1)
    size = np.bincount(labels[:n][labels[:n] >= 0], minlength=len(person))
    told = np.flatnonzero((labels >= 0) & (owner >= 0))
    told = told[size[labels[told]] > 0]
    order = told[np.lexsort((labels[told], -size[labels[told]], owner[told]))]
    _, place = np.unique(owner[order], return_index=True)
    person[labels[order[place]]] = owner[order[place]]
    return person


def _look_for_others(
    vectors: Float32, labels: Int64, person: Int64, known: KnownFaces, impostors: Impostors
) -> tuple[Int64, Int64]:
    """Return (n,) int64 labels and (l,) int64, whose they are, with those found who were missing.

    Missing are those whose references are in no group with a face of the album.

    Args:
        vectors: (n + r, d) float32, references last.
        labels: (n + r,) int64.
        person: (l,) int64.
        known: the references.
        impostors: how alike strangers are.
    """
    n, count, named = len(labels) - len(known), len(person), int((person >= 0).sum())
    missing = np.setdiff1d(known.person, person)
    alone = np.flatnonzero((labels[:n] < 0) & (known.named < 0))
    here = labels[:n].copy()
    here[alone] = count + np.arange(len(alone))
    person = np.append(person, np.full(len(alone), -1))
    groups = GroupSums(vectors[:n], here)
    free = np.flatnonzero((groups.sizes > 0) & (person[: len(groups)] < 0))
    if len(missing) and len(free):
        wanted = GroupSums(known.faces.embeddings, _place_among(missing, known.person))
        found = _one_to_one(wanted.directions(), groups.directions()[free], impostors, named)
        person[free[found[:, 1]]] = missing[found[:, 0]]
    nobody = (here >= count) & (person[here] < 0)
    return np.where(nobody, -1, here), person


def _place_among(wanted: Int64, values: Int64) -> Int64:
    """Return (k,) int64, the place of each of (k,) values among ascending ones, -1 for others."""
    place = np.minimum(np.searchsorted(wanted, values), len(wanted) - 1)
    return np.where(wanted[place] == values, place, -1)


def _one_to_one(wanted: Float32, offered: Float32, impostors: Impostors, made: int) -> Int64:
    """Return (m, 2) int64, who is found where: the surest first, each once.

    Args:
        wanted: (w, d) float32 of unit length, people.
        offered: (o, d) float32 of unit length, groups and single faces.
        impostors: how alike strangers are.
        made: names that have been given before.
    """
    nearest, similarity = nearest_rows(wanted, offered, 1 + RIVALS)
    expected = impostors.false_finds(similarity[:, 0], similarity[:, 1:], len(wanted), len(offered))
    sure = surest(expected, made, FALSE_NAMES)
    order = sure[np.argsort(-similarity[sure, 0], kind="stable")]
    _, first = np.unique(nearest[order, 0], return_index=True)
    chosen = order[np.sort(first)]
    return np.stack([chosen, nearest[chosen, 0]], axis=1)
