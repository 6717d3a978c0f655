"""The faces of one photo, with crops and all that is measured: :func:`extract_faces`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from grouping.api.photos.described_face import DescribedFace, described_faces
from grouping.api.photos.photo_input import SeenPhoto, see_photo
from grouping.config import GroupingConfig
from grouping.records import UInt8
from grouping.sources.entries import SourceOptions


@dataclass(frozen=True, eq=False, kw_only=True)
class ExtractedFace(DescribedFace):
    """A face of a photo and its crops.

    Attributes:
        crop: (112, 112, 3) uint8 RGB, aligned as the network gets it.
        loose_crop: (side, side, 3) uint8 RGB, upright, with hair and chin.
    """

    crop: UInt8 = field(repr=False)
    loose_crop: UInt8 = field(repr=False)


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
    from grouping.faces.pictures.loose_crops import loose_crops

    outcome, faces = seen.outcome, seen.outcome.faces
    if not len(faces):
        return []
    assert outcome.crops is not None  # they were asked for
    loose = loose_crops(seen.content, faces.boxes, outcome.rotation)
    parts = zip(described_faces(outcome), outcome.crops, loose, strict=True)
    return [{**values, "crop": crop, "loose_crop": wide} for values, crop, wide in parts]
