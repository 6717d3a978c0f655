"""Rows of the cache's tables: made of the records of a photo, and read back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from grouping.records import (
    QUALITY_MEASURES,
    Detections,
    FaceSet,
    Failure,
    Float32,
    PhotoFaces,
    unknown_signs,
)

Row = Sequence[Any]

DETECTION_COLUMNS = "width, height, boxes, scores, landmarks, quality, measures, warnings, failure"


@dataclass(frozen=True, eq=False)
class DetectedPhoto:
    """What detection gave for one photo: all of ``PhotoFaces`` that no model changes.

    Attributes:
        width, height: pixels of the upright photo.
        detections: its faces.
        quality: (n,) float32.
        measures: (n, 7) float32.
        warnings, failure: as in ``PhotoFaces``.
    """

    width: int
    height: int
    detections: Detections
    quality: Float32
    measures: Float32
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None

    def with_embeddings(self, sha256: str, embeddings: Float32) -> PhotoFaces:
        """The whole record, from the (n, d) float32 unit vectors of its faces."""
        faces = FaceSet(
            photo_index=np.zeros(len(self.detections), np.int32),
            boxes=self.detections.boxes,
            scores=self.detections.scores,
            landmarks=self.detections.landmarks,
            quality=self.quality,
            measures=self.measures,
            embeddings=embeddings,
            signs=unknown_signs(len(self.detections)),
        )
        return PhotoFaces(
            self.width,
            self.height,
            faces,
            sha256=sha256,
            warnings=self.warnings,
            failure=self.failure,
        )


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
    )


def detected_photo(row: Row) -> DetectedPhoto:
    """The inverse of :func:`columns_of`."""
    width, height, boxes, scores, landmarks, quality, measures, warnings, failure = row
    n = len(scores) // 4
    return DetectedPhoto(
        width,
        height,
        Detections(to_array(boxes, n, 4), to_array(scores, n), to_array(landmarks, n, 5, 2)),
        to_array(quality, n),
        to_array(measures, n, len(QUALITY_MEASURES)),
        tuple(json.loads(warnings)),
        None if failure is None else Failure(**json.loads(failure)),
    )


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
