"""Faces to people.

:func:`group_faces` is the one entry: faces in, :class:`Grouping` out. No I/O, and torch only for
more vectors than an album has (see :mod:`grouping.similarity.inner_products`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grouping.clustering.clusterers import CLUSTERERS, by_size
from grouping.clustering.constraints import Constraints, extend_cannot_links
from grouping.clustering.micro_clusters import MicroClusters, micro_clusters_of
from grouping.people.description.described_groups import Grouping, described
from grouping.people.identify.known_people import KnownFaces, settle_names, with_known
from grouping.people.person_groups import SHARED_PICTURES, Candidates
from grouping.people.refinement.second_look import second_look
from grouping.people.refinement.unclear_pairs import dissolve_unclear_pairs
from grouping.people.refinement.weak_faces import attach_weak_faces, doubtful_faces
from grouping.people.rules import GroupingRules
from grouping.people.same_photo import (
    first_of_each,
    pictures_apart,
    same_photo_pairs,
    twice_in_photo,
)
from grouping.records import FIRST_LIKENESS, RECOGNITION_SIGNS, FaceSet, Float32, Int64
from grouping.similarity.content_rank import content_rank
from grouping.similarity.group_sums import group_count
from grouping.similarity.impostors import Impostors
from grouping.similarity.pair_sets import distinct_pairs

RECOGNISABLE = RECOGNITION_SIGNS.index("recognisable")


def group_faces(
    faces: FaceSet,
    rules: GroupingRules,
    constraints: Constraints | None = None,
    picture: Int64 | None = None,
    same_as: Int64 | None = None,
    known: KnownFaces | None = None,
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
        known: faces of people known beforehand, whose groups they help to find and name. They are
            counted nowhere; of such a person one picture is enough.

    Raises:
        InputError: embeddings that are zero or not finite.
    """
    told, rank = constraints or Constraints(), content_rank(faces.embeddings)
    labels, person = _people(faces, rules, told, picture, same_as, rank, known)
    return described(faces, labels, person, rank, rules, told.cannot_link)


def group_labels(
    faces: FaceSet,
    rules: GroupingRules,
    constraints: Constraints | None = None,
    picture: Int64 | None = None,
    same_as: Int64 | None = None,
) -> Int64:
    """Return (n,) int64, the labels of :func:`group_faces` alone; the arguments are its own."""
    rank = content_rank(faces.embeddings)
    return _people(faces, rules, constraints or Constraints(), picture, same_as, rank, None)[0]


def _people(
    faces: FaceSet,
    rules: GroupingRules,
    told: Constraints,
    picture: Int64 | None,
    same_as: Int64 | None,
    rank: Int64,
    known: KnownFaces | None,
) -> tuple[Int64, Int64]:
    """Return (n,) int64 labels 0..K-1, -1 for none, and (K,) int64, the known person of each.

    Args:
        faces, rules, picture, same_as, known: as for :func:`group_faces`.
        told: what a person said about the faces.
        rank: (n,) int64, their :func:`content_rank`.
    """
    picture = faces.photo_index.astype(np.int64) if picture is None else picture
    copies = _copies(same_as, told, len(faces))
    used = np.setdiff1d(np.arange(len(faces)), np.concatenate([told.ignore, copies]))
    chosen = faces[used] if len(used) < len(faces) else faces  # a copy of a million is large
    labels = np.full(len(faces), -1, np.int64)
    among = told.among(used, len(faces))
    if known is None:
        labels[used] = _labels(chosen, picture[used], among, rules)
        person = np.full(group_count(labels), -1)
    else:
        of_used = replace(known, named=known.named[used])
        labels[used], person = _labels_with_known(chosen, picture[used], among, rules, of_used)
    if same_as is not None and len(copies):
        labels[copies] = labels[same_as[copies]]
        if rules.one_face_per_photo:
            linked = np.unique(np.concatenate([told.must_link, told.cannot_link]))
            twice = twice_in_photo(faces, labels, same_as, copies, linked, rules.allow_same_face)
            labels[twice] = -1
    return _numbered(picture, labels, person, rank, rules.min_photos)


def _labels_with_known(
    faces: FaceSet, picture: Int64, told: Constraints, rules: GroupingRules, known: KnownFaces
) -> tuple[Int64, Int64]:
    """Return (n,) int64 labels of n faces and (l,) int64, the known person of each label.

    Args:
        faces, picture, told, rules: as for :func:`_labels`.
        known: faces of people known beforehand.
    """
    impostors = Impostors.of_threshold(rules.threshold)
    whole, links = with_known(faces, told, known, impostors)
    own_pictures = int(picture.max(initial=-1)) + 1 + np.arange(len(known))
    labels = _labels(whole, np.concatenate([picture, own_pictures]), links, rules)
    return settle_names(whole, labels, known, impostors)


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


def _numbered(
    picture: Int64, labels: Int64, person: Int64, rank: Int64, min_photos: int
) -> tuple[Int64, Int64]:
    """Return labels without the groups of too few pictures, numbered from the largest.

    Args:
        picture: (n,) int64, the picture of each face.
        labels: (n,) int64 from 0, -1 for none.
        person: (l,) int64, the known person of each label, -1 for none.
        rank: (n,) int64, breaks ties.
        min_photos: a group needs this many different pictures, that of a known person one.

    Returns:
        (n,) int64, 0..K-1, -1 for none, and (K,) int64, the known person of each.
    """
    inside = np.flatnonzero(labels >= 0)
    seen = np.unique(np.stack([labels[inside], picture[inside]]), axis=1)
    photos = np.bincount(seen[0], minlength=len(person))
    needed = np.where(person >= 0, 1, min_photos)
    kept = np.append(photos >= needed, False)[labels]
    numbers = by_size(np.where(kept, labels, -1), rank, photos, smallest=1)
    _, first = np.unique(numbers, return_index=True)
    first = first[numbers[first] >= 0]
    return numbers, person[labels[first]]
