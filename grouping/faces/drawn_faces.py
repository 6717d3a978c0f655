"""Faces of one photo where a person drew boxes: looked at, aligned, judged and embedded.

See :mod:`grouping.faces.search.drawn_box` for where their landmarks come from.
"""

from __future__ import annotations

import math

import numpy as np

from grouping.faces.alignment import CROP_SIDE, align_faces
from grouping.faces.decoding import DecodedPhoto, decode_photo, photo_size
from grouping.faces.photo_analyser import PhotoAnalyser, digest, scaled, with_embeddings
from grouping.faces.quality import face_quality
from grouping.faces.search.drawn_box import landmarks_of_box, look_in_box
from grouping.faces.search.turned import turned_quality
from grouping.records import Detections, FaceSet, Float32, PhotoFaces, unknown_signs

# Pixels of a box that are decoded: a few for each of the aligned crop.
BOX_PIXELS = 2.0 * CROP_SIDE
# What the quality of a face is multiplied by that no network sees: it founds no group, and is
# attached to one that it is like. Its landmarks are guessed, which its measures do not tell.
UNSEEN = 0.5


def faces_in_boxes(
    analyser: PhotoAnalyser, photo: bytes, boxes: Float32, rotation: int = 0
) -> PhotoFaces:
    """Describe faces that a person vouches for.

    Args:
        analyser: the networks.
        photo: the bytes of its file.
        boxes: (n, 4) float32, n at least 1, in pixels of the upright photo.
        rotation: of the photo, see :class:`grouping.records.PhotoFaces`; for faces not seen.

    Returns:
        n faces in the order of the boxes, with crops. Their boxes are where a network sees the
        face, with its score; where none does, the box drawn and a score of 0.

    Raises:
        DecodeError: the photo cannot be decoded.
    """
    image = _decoded(photo, boxes)
    faces, rotations = _looked_for(analyser, image, boxes, rotation)
    landmarks = (faces.landmarks + 0.5) * image.scale - 0.5
    crops = align_faces(image.image, landmarks)
    vouched = Detections(faces.boxes, np.ones(len(faces), np.float32), faces.landmarks)
    judged = face_quality(vouched, crops, (image.width, image.height))
    columns = FaceSet(
        photo_index=np.zeros(len(faces), np.int32),
        boxes=faces.boxes,
        scores=faces.scores,
        landmarks=faces.landmarks,
        quality=_lowered(judged.quality, faces.scores, rotations),
        measures=judged.measures,
        embeddings=np.ones((len(faces), 1), np.float32),
        signs=unknown_signs(len(faces)),
    )
    described = with_embeddings(columns, analyser.embedder(crops))
    return PhotoFaces(image.width, image.height, described, crops, digest(photo))


def _decoded(photo: bytes, boxes: Float32) -> DecodedPhoto:
    """Decode a photo as large as its smallest box needs."""
    smallest = float((boxes[:, 2:] - boxes[:, :2]).max(1).min())
    share = min(1.0, BOX_PIXELS / max(smallest, 1.0))
    return decode_photo(photo, math.ceil(share * max(photo_size(photo))))


def _looked_for(
    analyser: PhotoAnalyser, image: DecodedPhoto, boxes: Float32, rotation: int
) -> tuple[Detections, list[int]]:
    """Return a face a box in pixels of the full-size photo, and the rotation each is seen from."""
    found = [look_in_box(analyser.detector, image.image, box * image.scale) for box in boxes]
    parts = [
        _unseen(box, rotation) if face is None else scaled(face.faces, 1 / image.scale)
        for box, face in zip(boxes, found, strict=True)
    ]
    faces = Detections(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
    )
    return faces, [0 if face is None else face.rotation for face in found]


def _unseen(box: Float32, rotation: int) -> Detections:
    """Return the face of a box (4,) that no network sees."""
    return Detections(box[None], np.zeros(1, np.float32), landmarks_of_box(box, rotation)[None])


def _lowered(quality: Float32, scores: Float32, rotations: list[int]) -> Float32:
    """Return the quality (n,) float32, lower for faces that are guessed or on their side."""
    rows = [
        quality[k : k + 1] * np.float32(UNSEEN)
        if scores[k] == 0
        else turned_quality(quality[k : k + 1], scores[k : k + 1], rotation)
        for k, rotation in enumerate(rotations)
    ]
    return np.concatenate(rows)
