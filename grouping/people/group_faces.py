"""Faces to people, and the rules by which.

:func:`group_faces` is the one entry: faces in, :class:`Grouping` out. No I/O, and torch only for
more vectors than an album has (see :mod:`grouping.similarity.inner_products`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grouping.clustering.clusterers import CLUSTERERS, by_size
from grouping.clustering.constraints import Constraints, extend_cannot_links
from grouping.clustering.micro_clusters import MicroClusters, micro_clusters_of
from grouping.errors import InputError
from grouping.people.person_groups import SHARED_PICTURES, Candidates
from grouping.people.purity import expected_purity
from grouping.people.review import MergeSuggestion, evidence, merge_suggestions
from grouping.people.same_photo import (
    first_of_each,
    pictures_apart,
    same_photo_pairs,
    twice_in_photo,
)
from grouping.people.second_look import second_look
from grouping.people.unclear_pairs import dissolve_unclear_pairs
from grouping.people.weak_faces import attach_weak_faces, doubtful_faces
from grouping.records import RECOGNITION_SIGNS, FaceSet, Float32, Int64
from grouping.similarity.content_rank import content_rank
from grouping.similarity.group_sums import GroupSums, group_count
from grouping.similarity.impostors import Impostors
from grouping.similarity.pair_sets import distinct_pairs

# Faces of lower quality make no groups and are only attached to them: they are blurred, tiny
# or seen from behind, and resemble each other more than the people they belong to.
CORE_QUALITY = 0.5
RECOGNISABLE = RECOGNITION_SIGNS.index("recognisable")
FIRST_LIKENESS = RECOGNITION_SIGNS.index("like_grey")  # from here on: likeness to no face


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
    """

    labels: Int64
    similarity: Float32
    cohesion: Float32
    purity: Float32
    representative: Int64
    evidence: Int64
    evidence_similarity: Float32
    merge_suggestions: tuple[MergeSuggestion, ...]

    def __len__(self) -> int:
        return len(self.cohesion)


@dataclass(frozen=True, kw_only=True)
class GroupingRules:
    """When faces are one person, and which people are kept.

    Attributes:
        threshold: smallest average cosine similarity of two clusters that are merged.
        method: ``"agglomerative"`` (average linkage) or ``"hdbscan"``.
        min_photos: a group needs faces in this many different pictures.
        one_face_per_photo: two faces of one photo never share a group.
        allow_same_face: unless they are one face seen twice.
        core_quality: faces of lower quality make no groups and are only attached to them.
        measured: the threshold that is right for the network, where ``threshold`` is another:
            purity and merge suggestions are judged by it. None where it is the same.

    Raises:
        InputError: an unknown method.
    """

    threshold: float
    method: str = "agglomerative"
    min_photos: int = 2
    one_face_per_photo: bool = True
    allow_same_face: bool = True
    core_quality: float = CORE_QUALITY
    measured: float | None = None

    def __post_init__(self) -> None:
        if self.method not in CLUSTERERS:
            known = ", ".join(CLUSTERERS)
            raise InputError(f"method must be one of {known}, got {self.method!r}")


def group_faces(
    faces: FaceSet,
    rules: GroupingRules,
    constraints: Constraints | None = None,
    picture: Int64 | None = None,
    same_as: Int64 | None = None,
) -> Grouping:
    """Group faces by person.

    The result does not depend on the order of the faces, exact ties included.

    Args:
        faces: the faces of all photos.
        rules: when faces are one person.
        constraints: what is known beforehand.
        picture: (n,) int64, the picture that each face is in, one number for all copies of a
            picture; by default each photo is a picture of its own.
        same_as: (n,) int64, for a face of a copy that face in the original, -1 for others: it
            goes where that one goes, and is no evidence of its own.

    Raises:
        InputError: embeddings that are zero or not finite.
    """
    known, rank = constraints or Constraints(), content_rank(faces.embeddings)
    labels = group_labels(faces, rules, known, picture, same_as, rank)
    return _described(faces, labels, rank, rules, known.cannot_link)


def group_labels(
    faces: FaceSet,
    rules: GroupingRules,
    constraints: Constraints | None = None,
    picture: Int64 | None = None,
    same_as: Int64 | None = None,
    rank: Int64 | None = None,
) -> Int64:
    """Return (n,) int64, the labels of :func:`group_faces` alone.

    Args:
        faces, rules, constraints, picture, same_as: as there.
        rank: (n,) int64, their :func:`content_rank`, where it is known.
    """
    known = constraints or Constraints()
    picture = faces.photo_index.astype(np.int64) if picture is None else picture
    copies = _copies(same_as, known, len(faces))
    used = np.setdiff1d(np.arange(len(faces)), np.concatenate([known.ignore, copies]))
    chosen = faces[used] if len(used) < len(faces) else faces  # a copy of a million is large
    told = known.among(used, len(faces))
    labels = np.full(len(faces), -1, np.int64)
    labels[used] = _labels(chosen, picture[used], told, rules)
    if same_as is not None and len(copies):
        labels[copies] = labels[same_as[copies]]
        if rules.one_face_per_photo:
            linked = np.unique(np.concatenate([known.must_link, known.cannot_link]))
            twice = twice_in_photo(faces, labels, same_as, copies, linked, rules.allow_same_face)
            labels[twice] = -1
    rank = content_rank(faces.embeddings) if rank is None else rank
    return _numbered(picture, labels, rank, rules.min_photos)


def _copies(same_as: Int64 | None, known: Constraints, n: int) -> Int64:
    """Return (k,) int64, the faces that go where their original goes.

    Not those about which a person said something, nor those of an original that is to be ignored.
    """
    if same_as is None:
        return np.zeros(0, np.int64)
    told = np.zeros(n, bool)
    told[known.must_link.ravel()] = told[known.cannot_link.ravel()] = told[known.ignore] = True
    free = (same_as >= 0) & ~told & ~np.isin(same_as, known.ignore)
    return np.flatnonzero(free)


def _labels(faces: FaceSet, picture: Int64, told: Constraints, rules: GroupingRules) -> Int64:
    """Return (n,) int64 labels of n faces from 0, with gaps; -1 for none.

    Args:
        faces: n of them.
        picture: (n,) int64, the picture of each.
        told: what a person said about them.
        rules: when faces are one person.
    """
    clusters, member = micro_clusters_of(
        faces.embeddings, _with_pairs_of_photos(told, faces, rules)
    )
    quality, recognisable = np.zeros((2, len(clusters)), np.float32)
    np.maximum.at(quality, member, faces.quality)
    np.maximum.at(recognisable, member, faces.signs[:, RECOGNISABLE])
    quality[clusters.must_link] = 1  # a person vouches for these faces
    first = first_of_each(faces, picture, member)  # identical faces are in copies of a picture
    labels = _cluster(clusters, quality, recognisable, rules)
    alike = Candidates(
        vectors=clusters.means(),
        picture=_picture_of(clusters, picture[first], labels, rules),
        core=quality >= rules.core_quality,
        apart=_kept_apart(told, clusters, member, picture, rules),
        like_nobody=faces.signs[first, FIRST_LIKENESS:],
        sharing=SHARED_PICTURES if rules.allow_same_face else 0,
    )
    waiting = ~np.isin(np.arange(len(clusters)), clusters.must_link)
    impostors = Impostors.of_threshold(rules.threshold)
    return second_look(alike, labels, waiting, impostors)[member]


def _with_pairs_of_photos(links: Constraints, faces: FaceSet, rules: GroupingRules) -> Constraints:
    """Return the links and, where the rules say so, the pairs of faces that share a photo."""
    if not rules.one_face_per_photo:
        return links
    apart = same_photo_pairs(faces, allow_same_face=rules.allow_same_face)
    return Constraints(links.must_link, np.concatenate([links.cannot_link, apart]))


def _picture_of(
    clusters: MicroClusters, picture: Int64, labels: Int64, rules: GroupingRules
) -> Int64:
    """Return (m,) int64, pictures that show a person once; see :func:`pictures_apart`."""
    if not rules.one_face_per_photo:
        return np.arange(len(clusters))
    if not rules.allow_same_face:
        return picture
    return pictures_apart(clusters.means(), picture, labels)


def _kept_apart(
    told: Constraints, clusters: MicroClusters, member: Int64, picture: Int64, rules: GroupingRules
) -> Int64:
    """Return (c, 2) int64, pairs of micro-clusters that are never in one group.

    Those whose faces a person keeps apart and, where it is a law that a photo shows nobody twice,
    those that share a photo, if either is in several pictures: only one of them counts later.
    """
    pairs = distinct_pairs(member[told.cannot_link], len(clusters))
    apart = extend_cannot_links(pairs, clusters.must_link, len(clusters))
    if rules.allow_same_face or not rules.one_face_per_photo:
        return apart
    seen = np.unique(np.stack([member, picture]), axis=1)[0]
    several = np.bincount(seen, minlength=len(clusters)) > 1
    shared = clusters.cannot_link[several[clusters.cannot_link].any(axis=1)]
    return np.concatenate([apart, shared])


def _cluster(
    clusters: MicroClusters, quality: Float32, recognisable: Float32, rules: GroupingRules
) -> Int64:
    """Return labels of a first look: clusters of the core, the rest attached to them.

    Args:
        clusters: m of them, identical faces as one.
        quality, recognisable: (m,) float32, of the best of each.
        rules: when faces are one person.

    Returns:
        (m,) int64 from 0, -1 for none.
    """
    is_core = quality >= rules.core_quality
    clusterer = CLUSTERERS[rules.method].for_linkage(rules.threshold)
    core = np.flatnonzero(is_core)
    labels = np.full(len(clusters), -1, np.int64)
    labels[core] = clusterer.label(clusters.take(core))
    weak = np.arange(len(clusters)) if clusterer.leaves_noise else np.flatnonzero(~is_core)
    doubtful = doubtful_faces(quality, recognisable)
    attached = attach_weak_faces(clusters, labels, weak, rules.threshold, doubtful)
    return dissolve_unclear_pairs(clusters, attached, rules.threshold)


def _numbered(picture: Int64, labels: Int64, rank: Int64, min_photos: int) -> Int64:
    """Return labels without the groups of too few pictures, numbered from the largest.

    Args:
        picture: (n,) int64, the picture of each face.
        labels: (n,) int64 from 0, -1 for none.
        rank: (n,) int64, breaks ties.
        min_photos: a group needs this many different pictures.

    Returns:
        (n,) int64, 0..K-1, -1 for none.
    """
    inside = np.flatnonzero(labels >= 0)
    seen = np.unique(np.stack([labels[inside], picture[inside]]), axis=1)
    photos = np.bincount(seen[0], minlength=group_count(labels))
    kept = np.append(photos >= min_photos, False)[labels]
    return by_size(np.where(kept, labels, -1), rank, photos, smallest=1)


def _described(
    faces: FaceSet, labels: Int64, rank: Int64, rules: GroupingRules, cannot_link: Int64
) -> Grouping:
    """Return the groups with all that is said about them.

    Args:
        faces: n of them.
        labels: (n,) int64, finished groups 0..K-1, -1 for none.
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
