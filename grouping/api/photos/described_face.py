"""What is said of every face of one photo, whatever else is asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from grouping.records import QUALITY_MEASURES, RECOGNITION_SIGNS, FaceSet, PhotoFaces
from grouping.results.face_entries import detected_entries

Point = tuple[float, float]


@dataclass(frozen=True)
class HeadPose:
    """How a head is turned, in degrees, as five landmarks tell: turned from frontal, not degrees.

    Attributes:
        yaw: positive to image-right.
        pitch: positive looking up.
        roll: positive tilted clockwise.
    """

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, eq=False, kw_only=True)
class DescribedFace:
    """One face of a photo; numbers are those of a grouping run over it, float32 to the bit.

    Among other photos of an album the same run shares passes of the networks between them, which
    changes the last digits: boxes by 1e-4 px, vectors by 1e-4 in a component.

    Attributes:
        box: x1, y1, x2, y2 in pixels of the upright photo.
        landmarks: (x, y) in the same frame: image-left eye, image-right eye, nose tip, image-left
            and image-right mouth corner.
        score: the detector's, in [0, 1].
        quality: how far the face can be trusted, in [0, 1]; see :mod:`grouping.faces.quality`.
        pose: of the head.
        size: side of the box in pixels.
        sharpness: of the aligned crop.
        visible: share of the aligned crop that lies inside of the photo.
        recognisable: in [0, 1], what the face network makes of it.
        flaws: why it is too poor to say who it is, in words; empty for a face that is good enough.
        rotation: degrees by which the photo has to be turned clockwise to show faces upright.
        columns: the same face as one row of columns, as the stages of a run hand it on.
    """

    box: tuple[float, float, float, float]
    landmarks: tuple[Point, Point, Point, Point, Point]
    score: float
    quality: float
    pose: HeadPose
    size: float
    sharpness: float
    visible: float
    recognisable: float
    flaws: tuple[str, ...]
    rotation: int
    columns: FaceSet = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, rounded as in ``groups.json`` and under its keys; no pixels."""
        (entry,) = detected_entries(self.columns)
        return {**entry, "flaws": list(self.flaws), "rotation": self.rotation}


def described_faces(outcome: PhotoFaces) -> Iterator[dict[str, Any]]:
    """Yield the fields of :class:`DescribedFace` for each face of a photo."""
    from grouping.faces.flaws import flaws_of

    faces = outcome.faces
    for row, flaws in enumerate(flaws_of(faces)):
        yield {
            **_numbers(faces, row),
            "flaws": flaws,
            "rotation": outcome.rotation,
            "columns": faces[row : row + 1],
        }


def _numbers(faces: FaceSet, row: int) -> dict[str, Any]:
    """The numbers of one face as Python ones, none of them rounded."""
    measures = dict(zip(QUALITY_MEASURES, faces.measures[row].tolist(), strict=True))
    pose = HeadPose(*(measures[angle] for angle in ("yaw", "pitch", "roll")))
    return {
        "box": tuple(faces.boxes[row].tolist()),
        "landmarks": tuple(map(tuple, faces.landmarks[row].tolist())),
        "score": float(faces.scores[row]),
        "quality": float(faces.quality[row]),
        "pose": pose,
        **{name: measures[name] for name in ("size", "sharpness", "visible")},
        "recognisable": float(faces.signs[row, RECOGNITION_SIGNS.index("recognisable")]),
    }
