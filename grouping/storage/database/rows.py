"""Rows of the cache's tables: made of the records of a photo, and read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from grouping.records import (
    QUALITY_MEASURES,
    RECOGNITION_SIGNS,
    Detections,
    FaceAttributes,
    FaceSet,
    Failure,
    Float32,
    PhotoFaces,
    unknown_signs,
)

Row = Sequence[Any]

# The last two are NULL in rows of schema version 1, whose measures end before ``visible``; its
# embeddings have NULL signs and quality, and belong to an older network key: they are never asked
# for. ``quality`` is that of the network that was stored last; each network's own lies beside its
# embeddings.
DETECTION_COLUMNS = (
    "width, height, boxes, scores, landmarks, quality, measures, warnings, failure, "
    "rotation, picture_hash"
)
ADDED_COLUMNS = 2  # at the end of DETECTION_COLUMNS, since version 1
EMBEDDING_COLUMNS = "vectors, signs, quality"
ATTRIBUTE_COLUMNS = "age, male"
ROTATIONS = (0, 90, 180, 270)
HASH_BYTES = 32
# What reading a row of other values than ours may raise.
MALFORMED = (ValueError, TypeError, ArithmeticError, RecursionError, MemoryError)


@dataclass(frozen=True, eq=False)
class DetectedPhoto:
    """What detection gave for one photo: all of ``PhotoFaces`` that no face network changes.

    Attributes:
        width, height: pixels of the upright photo.
        detections: its faces.
        measures: (n, 7) float32.
        warnings, failure, rotation, picture_hash: as in ``PhotoFaces``.
    """

    width: int
    height: int
    detections: Detections
    measures: Float32
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None
    rotation: int = 0
    picture_hash: bytes = b""

    def with_embeddings(
        self, sha256: str, embeddings: Float32, signs: Float32, quality: Float32
    ) -> PhotoFaces:
        """The whole record, from what a face network gave for its n faces.

        Args:
            sha256: of the photo's bytes.
            embeddings: (n, d) float32 unit vectors.
            signs: (n, 8) float32.
            quality: (n,) float32.
        """
        faces = FaceSet(
            photo_index=np.zeros(len(self.detections), np.int32),
            boxes=self.detections.boxes,
            scores=self.detections.scores,
            landmarks=self.detections.landmarks,
            quality=quality,
            measures=self.measures,
            embeddings=embeddings,
            signs=signs,
        )
        return PhotoFaces(
            self.width,
            self.height,
            faces,
            sha256=sha256,
            warnings=self.warnings,
            failure=self.failure,
            rotation=self.rotation,
            picture_hash=self.picture_hash,
        )

    def without_embeddings(self, sha256: str) -> PhotoFaces:
        """The record with stand-ins for what a face network has yet to give."""
        n = len(self.detections)
        ones = np.ones((n, 1), np.float32)
        return self.with_embeddings(sha256, ones, unknown_signs(n), ones[:, 0])


def columns_of(result: PhotoFaces) -> Row:
    """Return the values of ``DETECTION_COLUMNS``."""
    faces, failure = result.faces, result.failure
    arrays = (faces.boxes, faces.scores, faces.landmarks, faces.quality, faces.measures)
    return (
        result.width,
        result.height,
        *map(to_blob, arrays),
        json.dumps(result.warnings),
        None if failure is None else json.dumps(asdict(failure)),
        result.rotation,
        result.picture_hash,
    )


def detected_photo(row: Row) -> DetectedPhoto:
    """The inverse of :func:`columns_of`; what version 1 did not know has its default."""
    width, height, boxes, scores, landmarks, _, measures, warnings, failure, *added = row
    rotation, picture_hash = added
    n = len(scores) // 4
    return DetectedPhoto(
        width,
        height,
        Detections(to_array(boxes, n, 4), to_array(scores, n), to_array(landmarks, n, 5, 2)),
        _measures(measures, n),
        tuple(json.loads(warnings)),
        None if failure is None else Failure(**json.loads(failure)),
        rotation or 0,
        picture_hash or b"",
    )


def _measures(blob: bytes, n: int) -> Float32:
    """(n, 7) float32; of faces kept by version 1, ``visible`` is 1 until they are looked at."""
    known = to_array(blob, n, len(blob) // 4 // n if n else len(QUALITY_MEASURES))
    missing = len(QUALITY_MEASURES) - known.shape[1]
    return np.pad(known, ((0, 0), (0, missing)), constant_values=1)


def embedding_columns_of(faces: FaceSet) -> Row:
    """Return the values of ``EMBEDDING_COLUMNS``."""
    return tuple(map(to_blob, (faces.embeddings, faces.signs, faces.quality)))


def embedded_photo(detected: DetectedPhoto, sha256: str, row: Row) -> PhotoFaces:
    """The whole record, from a row of ``EMBEDDING_COLUMNS`` of the same photo."""
    n = len(detected.detections)
    vectors, signs, quality = row
    return detected.with_embeddings(
        sha256,
        to_array(vectors, n, -1),
        to_array(signs, n, len(RECOGNITION_SIGNS)),
        to_array(quality, n),
    )


def attribute_columns_of(faces: FaceAttributes) -> Row:
    """Return the values of ``ATTRIBUTE_COLUMNS``."""
    return tuple(map(to_blob, (faces.age, faces.male)))


def face_attributes(row: Row) -> FaceAttributes:
    """The inverse of :func:`attribute_columns_of`."""
    age, male = row
    return FaceAttributes(to_array(age, -1), to_array(male, -1))


def known_detections(sha256: str, detector: str, row: Row) -> DetectedPhoto | None:
    """What a row of ``DETECTION_COLUMNS`` and its checksum says; None where it was damaged.

    A checksum that fits is no promise: another program may have written the row.
    """
    if row[-1] != detection_checksum(sha256, detector, row[:-1]):
        return None
    with suppress(*MALFORMED):
        found = detected_photo(row[:-1])
        if _is_sound(found):
            return found
    return None


def known_faces(
    detected: DetectedPhoto, sha256: str, detector: str, model: str, row: Row
) -> PhotoFaces | None:
    """What a row of ``EMBEDDING_COLUMNS`` and its checksum says; None where it was damaged."""
    if row[-1] != checksum(sha256, detector, model, *row[:-1]):
        return None
    with suppress(*MALFORMED):
        found = embedded_photo(detected, sha256, row[:-1])
        if _are_finite(found.faces.embeddings, found.faces.signs, found.faces.quality):
            return found
    return None


def known_attributes(sha256: str, detector: str, networks: str, row: Row) -> FaceAttributes | None:
    """What a row of ``ATTRIBUTE_COLUMNS`` and its checksum says; None where it was damaged."""
    if row[-1] != checksum(sha256, detector, networks, *row[:-1]):
        return None
    with suppress(*MALFORMED):
        found = face_attributes(row[:-1])
        if _are_finite(found.age, found.male):
            return found
    return None


def _is_sound(photo: DetectedPhoto) -> bool:
    """Whether values are of the kinds and in the ranges that the rest of the program counts on."""
    found, failure = photo.detections, photo.failure
    sides = (photo.width, photo.height)
    return (
        all(type(side) is int and side >= (len(found) > 0) for side in sides)
        and type(photo.rotation) is int
        and photo.rotation in ROTATIONS
        and isinstance(photo.picture_hash, bytes)
        and len(photo.picture_hash) in (0, HASH_BYTES)
        and all(isinstance(warning, str) for warning in photo.warnings)
        and (failure is None or (not len(found) and _is_failure(failure)))
        and _are_finite(found.boxes, found.scores, found.landmarks)
        and _are_measures(photo.measures)
        and bool((found.boxes[:, :2] < found.boxes[:, 2:]).all())
    )


def _are_measures(measures: Float32) -> bool:
    """Whether (n, 7) float32 is what judging faces gives: landmarks alone may be infinitely off."""
    columns = dict(zip(QUALITY_MEASURES, measures.T, strict=True))
    angles = [columns.pop(angle) for angle in ("yaw", "pitch", "roll")]
    error = columns.pop("alignment_error")
    positive = all(bool((column >= 0).all()) for column in (*columns.values(), error))
    return positive and _are_finite(*angles, *columns.values())


def _is_failure(failure: Failure) -> bool:
    """Whether its fields, which were read from JSON, are of their types."""
    texts = isinstance(failure.stage, str) and isinstance(failure.reason, str)
    return texts and isinstance(failure.retryable, bool)


def _are_finite(*columns: Float32) -> bool:
    return all(bool(np.isfinite(column).all()) for column in columns)


def detection_checksum(sha256: str, detector: str, row: Row) -> bytes:
    """Checksum of a row of ``DETECTION_COLUMNS``; columns that version 1 did not have count where
    they are not NULL, so that its rows stay valid as they are.
    """
    known, added = row[:-ADDED_COLUMNS], row[-ADDED_COLUMNS:]
    return checksum(sha256, detector, *known, *(value for value in added if value is not None))


def to_blob(array: Float32) -> bytes:
    """Return a float32 array of any shape as little-endian bytes, row by row."""
    return array.astype("<f4").tobytes()


def to_array(blob: bytes, *shape: int) -> Float32:
    """Return the float32 array of this shape, writable, that :func:`to_blob` made bytes of."""
    return np.frombuffer(blob, "<f4").astype(np.float32).reshape(shape)


def checksum(*values: object) -> bytes:
    """Eight bytes over the values of a row and over where each one ends."""
    digest = blake2b(digest_size=8)
    for value in values:
        part = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()
