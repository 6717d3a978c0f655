"""The faces of one photo, with crops and all that is measured: :func:`extract_faces`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grouping.api.photo_input import SeenPhoto, see_photo
from grouping.config import GroupingConfig
from grouping.records import QUALITY_MEASURES, RECOGNITION_SIGNS, FaceSet, UInt8
from grouping.results.face_entries import detected_entries
from grouping.sources.entries import SourceOptions

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
class ExtractedFace:
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
        crop: (112, 112, 3) uint8 RGB, aligned as the network gets it.
        loose_crop: (side, side, 3) uint8 RGB, upright, with hair and chin.
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
    crop: UInt8 = field(repr=False)
    loose_crop: UInt8 = field(repr=False)
    columns: FaceSet = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, rounded as in ``groups.json`` and under its keys; no pixels."""
        (entry,) = detected_entries(self.columns)
        return {**entry, "flaws": list(self.flaws), "rotation": self.rotation}


def extract_faces(
    photo: Any,
    *,
    config: GroupingConfig | None = None,
    allow_local: bool = False,
    options: SourceOptions | None = None,
    **settings: Any,
) -> list[ExtractedFace]:
    """Find the faces of one photo; none is an empty list.

    Args:
        photo: a ``pathlib.Path``, the bytes of an image file, a PIL image, an (h, w, 3) uint8 RGB
            array, or an ``http(s)://`` or ``s3://`` address.
        config: settings; which faces are looked for, and where networks run.
        allow_local: let a string name a ``file://`` address or a local path. Off by default,
            because a service hands on what its users send.
        options: limits of the fetching.
        **settings: single fields of :class:`grouping.config.GroupingConfig`, by name.

    Returns:
        The faces in the order of ``groups.json``.

    Raises:
        InputError: ``photo`` is something else.
        ConfigError: a setting is unknown or out of its range.
        PhotoError: the photo cannot be fetched or decoded.
        ModelError: a checkpoint or device cannot be used.
    """
    config = (config or GroupingConfig()).with_settings(**settings)
    return extracted(see_photo(photo, config=config, allow_local=allow_local, options=options))


def extracted(seen: SeenPhoto) -> list[ExtractedFace]:
    """Return the faces of a photo that was analysed.

    Raises:
        DecodeError: it cannot be decoded again for the crops.
    """
    return [ExtractedFace(**values) for values in face_values(seen)]


def face_values(seen: SeenPhoto) -> list[dict[str, Any]]:
    """Return the fields of :class:`ExtractedFace` for each face of a photo."""
    from grouping.faces.flaws import flaws_of
    from grouping.faces.loose_crops import loose_crops

    outcome, faces = seen.outcome, seen.outcome.faces
    if not len(faces):
        return []
    assert outcome.crops is not None  # they were asked for
    loose = loose_crops(seen.content, faces.boxes, outcome.rotation)
    parts = zip(outcome.crops, loose, flaws_of(faces), strict=True)
    return [
        {
            **numbers_of(faces, row),
            "flaws": flaws,
            "rotation": outcome.rotation,
            "crop": crop,
            "loose_crop": loose_crop,
            "columns": faces[row : row + 1],
        }
        for row, (crop, loose_crop, flaws) in enumerate(parts)
    ]


def numbers_of(faces: FaceSet, row: int) -> dict[str, Any]:
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
