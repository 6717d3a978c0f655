"""What each face of one photo is like, and on request what it seems to be: :func:`analyze`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grouping.api.photos.described_face import DescribedFace, described_faces
from grouping.api.photos.photo_input import SeenPhoto, see_photo
from grouping.config import GroupingConfig
from grouping.records import FaceAttributes
from grouping.results.attribute_entries import face_attribute_entries
from grouping.sources.entries import SourceOptions


@dataclass(frozen=True, eq=False, kw_only=True)
class AnalyzedFace(DescribedFace):
    """A face of a photo, and what it seems to be where that was asked.

    Attributes:
        age: years that it seems to be, to a tenth; None where nobody asked.
        gender: that it seems to be of, ``"female"`` or ``"male"``; None where nobody asked.
        gender_score: in [0.5, 1], what the network says for it, not how often it is right.
    """

    age: float | None = None
    gender: str | None = None
    gender_score: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, rounded as in ``groups.json`` and under its keys."""
        entry = super().as_dict()
        if self.age is not None:
            entry["attributes"] = {
                "age": self.age,
                "gender": self.gender,
                "gender_score": self.gender_score,
            }
        return entry


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
            :func:`grouping.api.photos.extract.extract_faces`; with ``attributes=True`` also age and
            gender, as :mod:`grouping.faces.attributes.attribute_networks` tells.

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
        from grouping.faces.attributes.attribute_networks import shared_networks

        shared_networks()


def analyzed(seen: SeenPhoto, *, attributes: bool = False) -> list[AnalyzedFace]:
    """Return the faces of a photo that was analysed; with age and gender where asked for."""
    faces = described_faces(seen.outcome)
    entries: Sequence[Mapping[str, Any]] = [{}] * len(seen.outcome.faces)
    if attributes:
        entries = face_attribute_entries(_attributes(seen))
    return [AnalyzedFace(**f, **seems) for f, seems in zip(faces, entries, strict=True)]


def _attributes(seen: SeenPhoto) -> FaceAttributes:
    from grouping.faces.attributes.attribute_networks import shared_networks

    crops = seen.outcome.crops
    return FaceAttributes.unknown(0) if crops is None else shared_networks()(crops)
