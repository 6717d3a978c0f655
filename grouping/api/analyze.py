"""What each face of one photo is like, and on request what it seems to be: :func:`analyze`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grouping.api.extract import HeadPose, Point, numbers_of
from grouping.api.photo_input import SeenPhoto, see_photo
from grouping.config import GroupingConfig
from grouping.records import FaceAttributes, FaceSet
from grouping.results.attribute_entries import face_attribute_entries
from grouping.results.face_entries import detected_entries
from grouping.sources.entries import SourceOptions


@dataclass(frozen=True, eq=False, kw_only=True)
class AnalyzedFace:
    """One face of a photo; numbers are float32 to the bit, those of a grouping run.

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
        age: years that it seems to be, to a tenth; None where nobody asked.
        gender: that it seems to be of, ``"female"`` or ``"male"``; None where nobody asked.
        gender_score: in [0.5, 1], what the network says for it, not how often it is right.
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
    age: float | None = None
    gender: str | None = None
    gender_score: float | None = None
    columns: FaceSet = field(repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, rounded as in ``groups.json`` and under its keys."""
        (entry,) = detected_entries(self.columns)
        if self.age is not None:
            entry["attributes"] = {
                "age": self.age,
                "gender": self.gender,
                "gender_score": self.gender_score,
            }
        return {**entry, "flaws": list(self.flaws), "rotation": self.rotation}


def analyze(
    photo: Any,
    *,
    config: GroupingConfig | None = None,
    allow_local: bool = False,
    options: SourceOptions | None = None,
    **settings: Any,
) -> list[AnalyzedFace]:
    """Find the faces of one photo and say what they are like; none is an empty list.

    Args:
        photo, config, allow_local, options, settings: as for
            :func:`grouping.api.extract.extract_faces`; with ``attributes=True`` also age and
            gender, as :mod:`grouping.faces.attributes` tells.

    Raises:
        InputError: ``photo`` is something else.
        ConfigError: a setting is unknown or out of its range.
        PhotoError: the photo cannot be fetched or decoded.
        ModelError: a checkpoint or device cannot be used, or age and gender are asked for and the
            extra ``attributes`` is not installed.
    """
    config = (config or GroupingConfig()).with_settings(**settings)
    check_attributes(config)
    seen = see_photo(photo, config=config, allow_local=allow_local, options=options)
    return analyzed(seen, attributes=config.attributes)


def check_attributes(config: GroupingConfig) -> None:
    """Find out before a photo is touched whether what is asked for can be had.

    Raises:
        ModelError: age and gender are asked for, and the extra ``attributes`` is not installed.
    """
    if config.attributes:
        from grouping.faces.attributes import shared_networks

        shared_networks()


def analyzed(seen: SeenPhoto, *, attributes: bool = False) -> list[AnalyzedFace]:
    """Return the faces of a photo that was analysed; with age and gender where asked for."""
    from grouping.faces.flaws import flaws_of

    faces = seen.outcome.faces
    entries: Sequence[Mapping[str, Any]] = [{}] * len(faces)
    if attributes:
        entries = face_attribute_entries(_attributes(seen))
    return [
        AnalyzedFace(
            **numbers_of(faces, row),
            flaws=flaws,
            rotation=seen.outcome.rotation,
            columns=faces[row : row + 1],
            **seems,
        )
        for row, (flaws, seems) in enumerate(zip(flaws_of(faces), entries, strict=True))
    ]


def _attributes(seen: SeenPhoto) -> FaceAttributes:
    from grouping.faces.attributes import shared_networks

    crops = seen.outcome.crops
    return FaceAttributes.unknown(0) if crops is None else shared_networks()(crops)
