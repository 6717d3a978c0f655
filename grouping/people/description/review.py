"""What a person should see of finished groups: why faces are together, and what may be one.

* ``evidence``: for each face, the faces of its group that it resembles most.
* ``merge_suggestions``: pairs of groups that may be one person, with the evidence, for a person
  to decide; nothing is merged by them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grouping.records import Float32, Int32, Int64
from grouping.similarity.cosine_graph import cosine_graph
from grouping.similarity.group_sums import GroupSums
from grouping.similarity.impostors import LEAST_COMPARISONS, Impostors
from grouping.similarity.inner_products import pair_products
from grouping.similarity.nearest import nearest_rows

# Faces that are shown as evidence for one face.
EVIDENCE = 3
# Of a larger group the evidence is sought among this many faces, the most typical ones.
POOL = 1024
# Groups so alike in their means are proposed as one person that so many pairs of strangers are
# expected among all that are there.
STRANGERS_PROPOSED = 1.0
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


def evidence(groups: GroupSums) -> tuple[Int64, Float32]:
    """Return the faces of its group that each face resembles most, the most similar first.

    Args:
        groups: of n embeddings, rows of unit length.

    Returns:
        (n, EVIDENCE) int64, faces, -1 where there are no more; (n, EVIDENCE) float32, their
        similarities, NaN where there are no more.
    """
    nearest = np.full((len(groups.labels), EVIDENCE), -1, np.int64)
    similarity = np.full((len(groups.labels), EVIDENCE), np.nan, np.float32)
    for members in groups.members:
        pool = _typical(groups.vectors, members)
        typical = groups.vectors[pool]
        # Of a large group a part at a time, for there is a copy of its vectors.
        for part in np.array_split(members, -(-len(members) // POOL)):
            # A matrix by its own transpose is half the work.
            vectors = typical if pool is members else groups.vectors[part]
            itself = _place_in(pool, part)
            place, how = nearest_rows(vectors, typical, EVIDENCE, exclude=itself[:, None])
            nearest[part] = np.where(place >= 0, pool[place], -1)
            similarity[part] = np.where(place >= 0, how, np.float32(np.nan))
    return nearest, similarity


def _place_in(pool: Int64, faces: Int64) -> Int64:
    """Return (f,) int64, where each of (f,) faces is in (p,) ascending ones, -1 for nowhere."""
    place = np.minimum(np.searchsorted(pool, faces), len(pool) - 1)
    return np.where(pool[place] == faces, place, -1)


def _typical(embeddings: Float32, members: Int64) -> Int64:
    """Return the members most similar to their mean, at most ``POOL``.

    Args:
        embeddings: (n, d) float32.
        members: (m,) int64, rows, ascending.

    Returns:
        (p,) int64, rows, ascending; ``members`` itself where they are all.
    """
    if len(members) <= POOL:
        return members
    vectors = embeddings[members]
    near = vectors @ vectors.sum(axis=0)
    return members[np.sort(np.argsort(-near, kind="stable")[:POOL])]


def merge_suggestions(
    groups: GroupSums, photo_index: Int32, impostors: Impostors, cannot_link: Int64
) -> tuple[MergeSuggestion, ...]:
    """Return pairs of groups that may be one person, ``MOST_SUGGESTIONS`` of them.

    Args:
        groups: finished groups of n embeddings, rows of unit length.
        photo_index: (n,) int32, the photo of each face.
        impostors: how alike strangers are.
        cannot_link: (c, 2) int64, pairs of faces that a person said are different people; their
            groups are not proposed.

    Returns:
        The most similar first.
    """
    comparisons = max(len(groups) * (len(groups) - 1) / 2, LEAST_COMPARISONS)
    lowest = impostors.similarity(STRANGERS_PROPOSED / comparisons)
    graph = cosine_graph(groups.directions(), lowest)
    means = groups.means()
    average = pair_products(means, means, graph.rows, graph.cols)
    settled = {tuple(sorted(pair)) for pair in groups.labels[cannot_link].tolist()}
    found: list[MergeSuggestion] = []
    for edge in np.lexsort((graph.cols, graph.rows, -graph.similarity)).tolist():
        pair = int(graph.rows[edge]), int(graph.cols[edge])
        if pair in settled:
            continue
        suggestion = _suggestion(groups, photo_index, pair, float(average[edge]))
        if not suggestion.shared_photos or suggestion.similarity >= SHARED_PHOTO_SIMILARITY:
            found.append(suggestion)
        if len(found) == MOST_SUGGESTIONS:
            break
    return tuple(found)


def _suggestion(
    groups: GroupSums, photo_index: Int32, pair: tuple[int, int], similarity: float
) -> MergeSuggestion:
    """Return what a person is shown of two groups.

    Args:
        groups: all of them.
        photo_index: (n,) int32, the photo of each face.
        pair: labels of the two.
        similarity: average similarity between their faces.
    """
    both = [groups.members[group] for group in pair]
    of_a, of_b = (_typical(groups.vectors, members) for members in both)
    table = groups.vectors[of_a] @ groups.vectors[of_b].T
    i, j = np.unravel_index(table.argmax(), table.shape)
    photos_a, photos_b = (photo_index[members] for members in both)
    return MergeSuggestion(
        pair,
        similarity,
        (int(of_a[i]), int(of_b[j])),
        float(table[i, j]),
        len(np.intersect1d(photos_a, photos_b)),
    )
