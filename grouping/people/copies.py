"""Photos that are one picture: the same content saved again, at another size or edited a bit.

A person who is in a photo and in its copy is in one picture, and a stranger who was photographed
once is no person of the album for it. Photos of the same bytes are copies. Others are where a
perceptual hash of the whole picture *and* the faces say so: the hash tells pictures apart, and
the faces tell frames of a burst apart that a tripod made alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from grouping.boxes import box_iou, paired_overlap
from grouping.errors import InputError
from grouping.records import FaceSet, Float32, Int32, Int64, UInt8
from grouping.similarity.inner_products import pair_products
from grouping.similarity.near_hashes import HASH_BYTES, comparisons, near_hashes
from grouping.similarity.pair_sets import counted_off

Bools = npt.NDArray[np.bool_]

# Bits in which copies differ at most. Of some 2,000 copies of 244 photos (saved again, resized to a
# half and a quarter, toned) one differed in more; 35 real pairs in 0 to 8; frames of a burst in 30
# and more unless little moves. Pictures of an album of 1,460 news photos differ in 56 and more.
COPY_BITS = 20
# Faces of copies: how much their boxes cover each other at least, in shares of the photo's sides,
# and how similar they are where both are good enough to tell people apart. At a quarter of the size
# the same 83 photos' faces went down to 0.68 and 0.39; two people are below 0.31 but for one pair
# in a thousand.
COPY_OVERLAP = 0.65
COPY_SIMILARITY = 0.4
TELLING_QUALITY = 0.5
LEAST_QUALITY = 0.05  # what a face counts at least
SHAPE_TOLERANCE = 0.03  # by which the ratio of width to height may differ
FEW = 256  # photos compared all with all
FEW_FACE_PAIRS = 16  # of two photos, that are looked at for many photos at once
PAIRS_AT_ONCE = 65_536  # of photos; bounds the memory
USUAL = 64  # comparisons of a photo that are worth making before any copy is left out


@dataclass(frozen=True, eq=False)
class Pictures:
    """Photos, as far as copies are told by them.

    Attributes:
        contents: (p,) what tells the bytes of a photo (a digest), None where nothing is known.
        hashes: (p,) 32 bytes each, see :mod:`grouping.faces.pictures.picture_hash`; empty where it
            is not known.
        sizes: (p, 2) int64, width and height; 0 for a photo that could not be read.
        rank: (p,) int64; among photos of one picture and one size the lowest is the original.
        faces: of all photos, in the order of the photos.

    Raises:
        InputError: a column has another length.
    """

    contents: Sequence[str | None]
    hashes: Sequence[bytes]
    sizes: Int64
    rank: Int64
    faces: FaceSet

    def __post_init__(self) -> None:
        lengths = [len(c) for c in (self.contents, self.hashes, self.sizes, self.rank)]
        if len(set(lengths)) > 1:
            raise InputError(f"columns of photos must be of one length, got {lengths}")

    def __len__(self) -> int:
        return len(self.rank)

    @cached_property
    def starts(self) -> Int64:
        """(p + 1,) int64, the first face of each photo; the last is that of no photo."""
        return np.searchsorted(self.faces.photo_index, np.arange(len(self) + 1))

    @cached_property
    def counts(self) -> Int64:
        """(p,) int64, how many faces each photo has."""
        return np.asarray(np.diff(self.starts), np.int64)

    def rows(self, photo: int) -> slice:
        """Return the rows of the faces of a photo."""
        return slice(int(self.starts[photo]), int(self.starts[photo + 1]))

    @cached_property
    def shares(self) -> Float32:
        """(n, 4) float32, the boxes of all faces in shares of the sides of their photos."""
        sides = np.maximum(np.tile(self.sizes, (1, 2)), 1)
        return np.asarray(self.faces.boxes / sides[self.faces.photo_index], np.float32)


def find_copies(pictures: Pictures) -> Int64:
    """Return which photos are copies of which.

    Every photo is compared with larger ones that are no copies themselves, so that a long row of
    pictures, each a little different from the last, does not become one. Every such pair of like
    hashes is looked at, and the order of the photos does not matter.

    Returns:
        (p,) int64, for each photo the one that it is a copy of, the largest of its kind and no
        copy itself; -1 for none.
    """
    order = np.lexsort((pictures.rank, -pictures.sizes.prod(axis=1)))
    copy_of = _of_same_bytes(pictures, order)
    search = _Search(pictures, copy_of)
    search.among(order[search.can_be_compared[order]])
    # A photo of the same bytes as a copy is a copy of the copy's original.
    original = copy_of[copy_of]
    return np.where((copy_of >= 0) & (original >= 0), original, copy_of)


def picture_of_faces(photo_index: Int32, copy_of: Int64) -> Int64:
    """Return (n,) int64, the picture of each face: its photo, or the one that is a copy of.

    Args:
        photo_index: (n,) int32, the photo of each face.
        copy_of: (p,) int64, see :func:`find_copies`.
    """
    original = np.where(copy_of < 0, np.arange(len(copy_of)), copy_of)
    return np.asarray(original[photo_index], np.int64)


def faces_of_originals(pictures: Pictures, copy_of: Int64) -> Int64:
    """Return (n,) int64, for each face of a copy the one in its place in the original, else -1.

    Args:
        pictures: p photos with n faces.
        copy_of: (p,) int64, see :func:`find_copies`.
    """
    same = np.full(len(pictures.faces), -1, np.int64)
    for photo in np.flatnonzero(copy_of >= 0).tolist():
        own, theirs = pictures.rows(photo), pictures.rows(int(copy_of[photo]))
        if own.start == own.stop or theirs.start == theirs.stop:
            continue
        place = box_iou(pictures.shares[own], pictures.shares[theirs])
        best = place.argmax(axis=1)
        there = place[np.arange(len(place)), best] >= COPY_OVERLAP
        same[own] = np.where(there, theirs.start + best, -1)
    return same


def _of_same_bytes(pictures: Pictures, order: Int64) -> Int64:
    """Return (p,) int64, the first photo in ``order`` of the same bytes, -1 for that one itself."""
    copy_of = np.full(len(pictures), -1, np.int64)
    first: dict[str, int] = {}
    for photo in order.tolist():
        content = pictures.contents[photo]
        if content is not None and pictures.sizes[photo].all():
            original = first.setdefault(content, photo)
            if original != photo:
                copy_of[photo] = original
    return copy_of


class _Search:
    """The search for copies of different bytes; fills ``copy_of``.

    Attributes:
        can_be_compared: (p,) bool, photos with a hash and a face that are no copies so far.
    """

    def __init__(self, pictures: Pictures, copy_of: Int64) -> None:
        self.pictures = pictures
        self.copy_of = copy_of
        hashed = np.array([len(h) == HASH_BYTES for h in pictures.hashes], bool)
        self.can_be_compared = hashed & (pictures.counts > 0) & (copy_of < 0)
        self.hashes = _as_rows(pictures.hashes)
        width, height = np.log(np.maximum(pictures.sizes, 1)).T
        self.shape = width - height

    def among(self, photos: Int64) -> None:
        """Find the copies among (q,) photos, the likeliest original first.

        Where many are alike, the second half is compared with those of the first that turn out to
        be originals, so that a thousand copies of one picture are not compared with each other.
        """
        hashes = self.hashes[photos]
        usual = len(photos) <= FEW or comparisons(hashes, hashes, COPY_BITS) <= USUAL * len(photos)
        if usual:
            self._settle(photos, photos)
            return
        half = len(photos) // 2
        self.among(photos[:half])
        self._settle(self._originals(photos[:half]), photos[half:])
        self.among(self._originals(photos[half:]))

    def _originals(self, photos: Int64) -> Int64:
        return photos[self.copy_of[photos] < 0]

    def _settle(self, originals: Int64, photos: Int64) -> None:
        """Say of each photo whether it is a copy of one of the originals that come before it."""
        pairs = near_hashes(self.hashes[photos], self.hashes[originals], COPY_BITS)
        before = pairs[:, 1] < pairs[:, 0] if originals is photos else slice(None)
        photo, original = photos[pairs[before, 0]], originals[pairs[before, 1]]
        alike = np.abs(self.shape[photo] - self.shape[original]) <= SHAPE_TOLERANCE
        photo, original = photo[alike], original[alike]
        likely = self._share_a_face(photo, original)
        for one, other in zip(photo[likely].tolist(), original[likely].tolist(), strict=True):
            if self.copy_of[one] < 0 and self.copy_of[other] < 0 and self._same_faces(one, other):
                self.copy_of[one] = other

    def _share_a_face(self, a: Int64, b: Int64) -> Bools:
        """Return (p,) bool, whether photos (p,) and (p,) may have the same faces, many at once.

        Photos of a door or a desk, of few faces each, are alike by the thousand.
        """
        likely = self.pictures.counts[a] * self.pictures.counts[b] > FEW_FACE_PAIRS
        few = np.flatnonzero(~likely)
        for start in range(0, len(few), PAIRS_AT_ONCE):
            part = few[start : start + PAIRS_AT_ONCE]
            likely[part] = self._any_face_alike(a[part], b[part])
        return likely

    def _any_face_alike(self, a: Int64, b: Int64) -> Bools:
        """Return (p,) bool, whether any face of (p,) photos is in its place in (p,) others."""
        faces, boxes = self.pictures.faces, self.pictures.shares
        width = self.pictures.counts[b]
        # Every face of the one with each of the other.
        pair, number = counted_off(self.pictures.counts[a] * width)
        one, other = np.divmod(number, width[pair])
        starts = self.pictures.starts
        one, other = one + starts[a][pair], other + starts[b][pair]
        near = paired_overlap(boxes[one], boxes[other]) >= COPY_OVERLAP
        pair, one, other = pair[near], one[near], other[near]
        alike = pair_products(faces.embeddings, faces.embeddings, one, other) >= COPY_SIMILARITY
        weak = np.minimum(faces.quality[one], faces.quality[other]) < TELLING_QUALITY
        return np.isin(np.arange(len(a)), pair[alike | weak])

    def _same_faces(self, a: int, b: int) -> bool:
        """Whether most faces of the photo with fewer faces are in the other one, in their places.

        Small copies lose faces, and faces of a few pixels their likeness; that proves nothing.
        """
        fewer, more = sorted(
            (self.pictures.rows(a), self.pictures.rows(b)), key=lambda r: r.stop - r.start
        )
        faces = self.pictures.faces
        place = box_iou(self.pictures.shares[fewer], self.pictures.shares[more]) >= COPY_OVERLAP
        alike = faces.embeddings[fewer] @ faces.embeddings[more].T >= COPY_SIMILARITY
        quality = np.minimum(faces.quality[fewer, None], faces.quality[more])
        found = (place & (alike | (quality < TELLING_QUALITY))).any(axis=1)
        weight = np.maximum(faces.quality[fewer], LEAST_QUALITY)
        return bool(weight[found].sum() > weight.sum() / 2)


def _as_rows(hashes: Sequence[bytes]) -> UInt8:
    """Return (p, 32) uint8; zeros for what is no hash."""
    whole = (h if len(h) == HASH_BYTES else bytes(HASH_BYTES) for h in hashes)
    return np.frombuffer(b"".join(whole), np.uint8).reshape(-1, HASH_BYTES)
