"""Faces as ``groups.json`` writes them, as far as one photo tells: numbers short enough to read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grouping.records import QUALITY_MEASURES, RECOGNITION_SIGNS, FaceSet, Float32
from grouping.results.schema import DetectedEntry, MeasuresEntry


def detected_entries(faces: FaceSet) -> list[DetectedEntry]:
    """Return what is said of each face but for its people; columns are rounded at once."""
    columns = zip(
        rounded(faces.boxes, 2),
        rounded(faces.landmarks, 2),
        rounded(faces.scores, 4),
        rounded(faces.quality, 4),
        measured_entries(faces),
        strict=True,
    )
    return [
        {"box": box, "landmarks": landmarks, "score": score, "quality": quality, **measured}
        for box, landmarks, score, quality, measured in columns
    ]


def measured_entries(faces: FaceSet) -> list[MeasuresEntry]:
    """Return what is said of each face beside its quality."""
    measures = dict(zip(QUALITY_MEASURES, faces.measures.T, strict=True))
    recognisable = faces.signs[:, RECOGNITION_SIGNS.index("recognisable")]
    pose = zip(*(known(measures[angle], 1) for angle in ("yaw", "pitch", "roll")), strict=True)
    columns = zip(
        pose,
        known(measures["size"], 1),
        known(measures["sharpness"], 1),
        known(measures["visible"], 3),
        known(recognisable, 3),
        strict=True,
    )
    return [
        {
            "pose": {"yaw": yaw, "pitch": pitch, "roll": roll},
            "size": size,
            "sharpness": sharpness,
            "visible": visible,
            "recognisable": recognised,
        }
        for (yaw, pitch, roll), size, sharpness, visible, recognised in columns
    ]


def known(values: Float32, digits: int) -> list[float | None]:
    """Python numbers, None for those that are not finite."""
    return [v if math.isfinite(v) else None for v in rounded(values, digits)]


def rounded(values: Any, digits: int) -> Any:
    """Python numbers, short enough to read."""
    return np.round(np.asarray(values, np.float64), digits).tolist()
