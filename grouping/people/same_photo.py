"""Pairs of faces that cannot be one person because they are in one photo.

Two faces of one photo are two people, except where they are one face seen twice: detected
twice, in a mirror, in a print on the wall, in a collage or a composite of a burst. Those are
told by boxes that cover each other or by embeddings that are nearly the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from grouping.boxes import SAME_FACE_COVER, paired_overlap
from grouping.records import FaceSet, Float32, Int32, Int64
from grouping.similarity.content_rank import content_rank
from grouping.similarity.group_sums import group_members
from grouping.similarity.inner_products import pair_products

# Two faces of one photo this similar are one face seen twice. Twins side by side reach 0.8; a
# mirror image or another frame of a burst is above 0.9.
SAME_FACE_SIMILARITY = 0.9
# Two prints of one picture of a face: 0.95 to 0.99 in collages, with two networks. Different photos
# of a person reach 0.93 in 5 of 1,460 news photos, and 0.96 in none.
SAME_PRINT = 0.94
# Of a larger group so many faces are compared: bounds the time.
MOST_PRINTS = 4096
# A face that is seen again more often is in the frames of a film and not in a collage.
FILM = 100
BLOCK = 512  # faces compared with their group at once


def same_photo_pairs(faces: FaceSet, *, allow_same_face: bool = True) -> Int64:
    """Return the pairs of faces that share a photo and are two people.

    Args:
        faces: all faces.
        allow_same_face: leave out pairs that are one face seen twice.

    Returns:
        (c, 2) int64. Photos that hold the same embeddings as another photo (imported twice)
        are listed once; what holds for identical faces holds for their copies.
    """
    rank = content_rank(faces.embeddings)
    photos = _photos_by_size(faces.photo_index, rank)
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *(_pairs_of_rows(rows) for rows in photos)])
    if not allow_same_face:
        return pairs
    return pairs[~_is_same_face(faces, pairs)]


def twice_in_photo(
    faces: FaceSet, labels: Int64, same_as: Int64, copies: Int64, told: Int64, allow_same_face: bool
) -> Int64:
    """Return faces to take out of their groups, which a photo would otherwise show twice.

    A face that went where its original is may meet another of its own photo there: one that the
    original does not show, or a second one in the place of the same original. What a person said
    something about stays, then what has an original.

    Args:
        faces: n of them.
        labels: (n,) int64 from 0, -1 for none.
        same_as: (n,) int64, the original of each, -1 for none.
        copies: (k,) int64, faces that went where their original is.
        told: (t,) int64, faces that a person said something about.
        allow_same_face: leave faces that are one seen twice.

    Returns:
        (r,) int64.
    """
    is_copy = np.isin(np.arange(len(faces)), copies)
    turn = np.where(np.isin(np.arange(len(faces)), told), 0, np.where(is_copy, 1, 2))
    inside = np.flatnonzero(labels >= 0)
    rank = content_rank(faces.embeddings)
    keys = labels[inside], faces.photo_index[inside]
    order = inside[np.lexsort((rank[inside], -faces.quality[inside], turn[inside], *keys))]
    change = np.diff(faces.photo_index[order], prepend=-1) | np.diff(labels[order], prepend=-1)
    leave: list[int] = []
    for rows in np.split(order, np.flatnonzero(change)[1:]):
        if len(rows) > 1 and is_copy[rows].any():
            leave += _guests(faces, rows, np.where(is_copy, same_as, -1), allow_same_face)
    return np.array(leave, np.int64)


def _guests(faces: FaceSet, rows: Int64, original: Int64, allow_same_face: bool) -> list[int]:
    """Return those of (f,) faces of one photo and group that cannot be there with one before."""
    stay: list[int] = []
    for row in rows.tolist():
        # Two faces without an original, or with two of them, are where the grouping put them.
        rivals = [o for o in stay if (original[row] < 0) != (original[o] < 0)]
        if original[row] >= 0:
            rivals += [o for o in stay if original[o] == original[row]]
        pairs = np.array([(row, o) for o in rivals], np.int64).reshape(-1, 2)
        if len(pairs) and not (allow_same_face and _is_same_face(faces, pairs).all()):
            continue
        stay.append(row)
    return [row for row in rows.tolist() if row not in stay]


def first_of_each(faces: FaceSet, picture: Int64, member: Int64) -> Int64:
    """Return (m,) int64, a face of each of m sets of identical ones, in whatever order they are.

    Args:
        faces: n of them.
        picture: (n,) int64, the picture of each.
        member: (n,) int64, the set of each, 0..m-1.
    """
    one, place = np.unique(member, return_index=True)
    if len(np.unique(np.stack([member, picture]), axis=1).T) == len(one):
        return place
    place_of_picture = _rank_of_pictures(picture, content_rank(faces.embeddings))
    order = np.lexsort((place_of_picture, member))
    return order[np.flatnonzero(np.diff(member[order], prepend=-1))]


def _rank_of_pictures(picture: Int64, rank: Int64) -> Int64:
    """Return (n,) int64, for each face the place of its picture by the ranks of what it shows."""
    order = np.lexsort((rank, picture))
    parts = np.split(order, np.flatnonzero(np.diff(picture[order])) + 1)
    shown = sorted((rank[rows].tolist(), k) for k, rows in enumerate(parts))
    result = np.empty(len(picture), np.int64)
    for place, (_, k) in enumerate(shown):
        result[parts[k]] = place
    return result


def pictures_apart(vectors: Float32, picture: Int64, labels: Int64) -> Int64:
    """Return the picture of each face, where the faces of a collage are in pictures of their own.

    A picture is a collage of others where two of its faces are each seen again, in another print
    of the same picture, and not in the same one: frames of a burst show both again together.

    Args:
        vectors: (m, d) float32, rows of unit length.
        picture: (m,) int64, the picture of each face.
        labels: (m,) int64 from 0, -1 for none: other prints of a face are in its group.

    Returns:
        (m,) int64.
    """
    by_picture: dict[int, list[set[int]]] = {}
    for face, others in _prints(vectors, picture, labels):
        by_picture.setdefault(int(picture[face]), []).append(others)
    collages = [p for p, others in by_picture.items() if _say_different_things(others)]
    result = picture.copy()
    inside = np.flatnonzero(np.isin(picture, collages))
    result[inside] = picture.max(initial=-1) + 1 + np.arange(len(inside))
    return result


def _say_different_things(sets: list[set[int]]) -> bool:
    """Return whether each of two of the sets has something that the other lacks."""
    return any(a - b and b - a for k, a in enumerate(sets) for b in sets[:k])


def _prints(vectors: Float32, picture: Int64, labels: Int64) -> Iterator[tuple[int, set[int]]]:
    """Yield faces and the other pictures that show another print of each; see above."""
    several = np.bincount(picture, minlength=1)[picture] > 1
    for members in group_members(labels):
        if not several[members].any():
            continue
        part = members[:MOST_PRINTS]
        asked = np.flatnonzero(several[part])
        for block in np.array_split(asked, max(1, -(-len(asked) // BLOCK))):
            again = vectors[part[block]] @ vectors[part].T >= SAME_PRINT
            again &= picture[part] != picture[part[block], None]
            seen = again.sum(axis=1)
            for row in np.flatnonzero((seen > 0) & (seen <= FILM)).tolist():
                yield int(part[block[row]]), set(picture[part[again[row]]].tolist())


def _photos_by_size(photo_index: Int32, rank: Int64) -> list[Int64]:
    """Return the faces of photos, photos of equally many faces together, those of one left out.

    Args:
        photo_index: (n,) int32, the photo of each face.
        rank: (n,) int64, see :func:`content_rank`.

    Returns:
        For each number s of faces above 1 that photos hold: (p, s) int64, a row a photo, its
        faces in the order of their rank.
    """
    order = np.lexsort((rank, photo_index))
    starts = np.flatnonzero(np.diff(photo_index[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    return [
        _distinct(order[starts[sizes == s][:, None] + np.arange(s)], rank)
        for s in np.unique(sizes)
        if s > 1
    ]


def _distinct(photos: Int64, rank: Int64) -> Int64:
    """Return one photo for each different set of embeddings.

    Args:
        photos: (p, s) int64, faces, each row sorted by rank.
        rank: (n,) int64 of all faces.

    Returns:
        (q, s) int64, the first photo of each set, in their order.
    """
    _, first = np.unique(rank[photos], axis=0, return_index=True)
    return photos[np.sort(first)]


def _pairs_of_rows(rows: Int64) -> Int64:
    """Return (p * s * (s - 1) / 2, 2) int64, all pairs within each row of (p, s) int64."""
    i, j = np.triu_indices(rows.shape[1], k=1)
    return np.stack([rows[:, i].ravel(), rows[:, j].ravel()], axis=1)


def _is_same_face(faces: FaceSet, pairs: Int64) -> npt.NDArray[np.bool_]:
    """Return (c,) bool, which of (c, 2) int64 pairs of faces are one face seen twice."""
    i, j = pairs.T
    alike = pair_products(faces.embeddings, faces.embeddings, i, j) >= SAME_FACE_SIMILARITY
    cover = paired_overlap(faces.boxes[i], faces.boxes[j], of_smaller=True)
    return alike | (cover >= SAME_FACE_COVER)
