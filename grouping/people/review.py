"""What a person should know about finished groups: how sure they are, and why.

* ``purity``: the share of a group's faces expected to be the person that the group is.
* ``evidence``: for each face, the faces of its group that it resembles most.
* ``merge_suggestions``: pairs of groups that may be one person, with the evidence, for a person
  to decide; nothing is merged by them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grouping.records import FaceSet, Float32, Int64
from grouping.similarity.cosine_graph import cosine_graph
from grouping.similarity.group_sums import group_members, group_sums, products_with_own_group

# A face whose average similarity to the rest of its group lies this far below the threshold is
# as likely wrong as right, and the odds grow by e with each PURITY_SCALE above. Set by hand on
# the faces of labelled news photos joined at thresholds from 0.30 to 0.46.
PURITY_OFFSET = 0.03
PURITY_SCALE = 0.03
# Faces that are shown as evidence for one face.
EVIDENCE = 3
# Of a larger group the evidence is sought among this many faces, the most typical ones.
POOL = 1024
# Groups this far below the threshold are still proposed as one person.
SUGGESTION_MARGIN = 0.05
# Groups that share a photo are proposed only from here: a collage, a mirror, or twins.
SHARED_PHOTO_SIMILARITY = 0.50
# More than a person looks at; a hundred thousand faces have tens of thousands of such pairs.
MOST_SUGGESTIONS = 1000


@dataclass(frozen=True)
class MergeSuggestion:
    """Two groups that a person might see as one.

    Attributes:
        groups: their labels, the larger group first.
        similarity: average similarity between their faces.
        faces: the most similar faces, one of each.
        face_similarity: of these two.
        shared_photos: photos in which both are seen; one person is seldom twice in a photo.
    """

    groups: tuple[int, int]
    similarity: float
    faces: tuple[int, int]
    face_similarity: float
    shared_photos: int


def expected_purity(embeddings: Float32, labels: Int64, threshold: float) -> Float32:
    """(K,) float32 in [0, 1], the expected share of right faces in each group."""
    count = int(labels.max(initial=-1)) + 1
    size = np.bincount(labels[labels >= 0], minlength=count)
    products = products_with_own_group(embeddings, group_sums(embeddings, labels, count), labels)
    inside = np.flatnonzero(labels >= 0)
    others = np.maximum(size[labels[inside]] - 1, 1)
    rest = (products[inside] - 1) / others
    right = 1 / (1 + np.exp((threshold - PURITY_OFFSET - rest) / PURITY_SCALE))
    right[size[labels[inside]] == 1] = 1  # nobody there to be mixed up with
    return (np.bincount(labels[inside], right, minlength=count) / size).astype(np.float32)


def evidence(embeddings: Float32, labels: Int64) -> tuple[Int64, Float32]:
    """The faces of its group that each face resembles most, the most similar first.

    Returns:
        (n, EVIDENCE) int64, faces, -1 where there are no more; (n, EVIDENCE) float32, their
        similarities, NaN where there are no more.
    """
    nearest = np.full((len(labels), EVIDENCE), -1, np.int64)
    similarity = np.full((len(labels), EVIDENCE), np.nan, np.float32)
    for members in group_members(labels):
        pool = _typical(embeddings, members)
        shown = min(EVIDENCE, len(pool) - 1)
        typical = embeddings[pool]
        for part in np.array_split(members, -(-len(members) // POOL)):
            # A matrix by its own transpose is half the work.
            vectors = typical if pool is members else embeddings[part]
            table = vectors @ typical.T
            row = np.arange(len(part))
            place = np.minimum(np.searchsorted(pool, part), len(pool) - 1)
            itself = pool[place] == part
            table[row[itself], place[itself]] = -np.inf
            for k in range(shown):
                best = table.argmax(axis=1)
                nearest[part, k], similarity[part, k] = pool[best], table[row, best]
                table[row, best] = -np.inf
    return nearest, similarity


def _typical(embeddings: Float32, members: Int64) -> Int64:
    """The members most similar to their mean, at most ``POOL``."""
    if len(members) <= POOL:
        return members
    vectors = embeddings[members]
    near = vectors @ vectors.sum(axis=0)
    return members[np.sort(np.argsort(-near, kind="stable")[:POOL])]


def merge_suggestions(
    faces: FaceSet, labels: Int64, threshold: float, cannot_link: Int64
) -> tuple[MergeSuggestion, ...]:
    """Pairs of groups that may be one person, the most similar first, ``MOST_SUGGESTIONS`` of them.

    Args:
        faces: all faces.
        labels: (n,) int64, finished groups.
        threshold: at which they were made.
        cannot_link: (c, 2) int64, pairs of faces that a person said are different people; their
            groups are not proposed.
    """
    members = group_members(labels)
    sums = group_sums(faces.embeddings, labels, len(members))
    means = sums / np.array([len(m) for m in members], np.float32).reshape(-1, 1)
    graph = cosine_graph(means, threshold - SUGGESTION_MARGIN)
    settled = {tuple(sorted(pair)) for pair in labels[cannot_link].tolist()}
    found: list[MergeSuggestion] = []
    for edge in np.lexsort((graph.cols, graph.rows, -graph.similarity)).tolist():
        pair = int(graph.rows[edge]), int(graph.cols[edge])
        if pair in settled:
            continue
        suggestion = _suggestion(faces, members, *pair, float(graph.similarity[edge]))
        if not suggestion.shared_photos or suggestion.similarity >= SHARED_PHOTO_SIMILARITY:
            found.append(suggestion)
        if len(found) == MOST_SUGGESTIONS:
            break
    return tuple(found)


def _suggestion(
    faces: FaceSet, members: list[Int64], a: int, b: int, similarity: float
) -> MergeSuggestion:
    of_a, of_b = (_typical(faces.embeddings, members[k]) for k in (a, b))
    table = faces.embeddings[of_a] @ faces.embeddings[of_b].T
    i, j = np.unravel_index(table.argmax(), table.shape)
    photos_a, photos_b = (faces.photo_index[members[k]] for k in (a, b))
    return MergeSuggestion(
        (a, b),
        similarity,
        (int(of_a[i]), int(of_b[j])),
        float(table[i, j]),
        len(np.intersect1d(photos_a, photos_b)),
    )
