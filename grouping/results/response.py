"""A run in the client's words: ``groups`` and ``images``, see :mod:`grouping.results.schema`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from grouping.records import QUALITY_MEASURES, RECOGNITION_SIGNS, FaceSet, Float32, Int64
from grouping.results.person_ids import Changes, assign_ids
from grouping.results.schema import (
    NO_FACE,
    NO_GROUP,
    NOT_READ,
    FaceEntry,
    GroupEntry,
    ImageEntry,
    MeasuresEntry,
)
from grouping.similarity.group_sums import group_members
from grouping.similarity.nearest import nearest_rows

if TYPE_CHECKING:
    from grouping.results.run_result import GroupingResult

# Similarities within a group that are in memory at a time.
BLOCK = 4_000_000

ON_ITS_SIDE = "the photo seems to lie on its side"
UPSIDE_DOWN = "the photo seems to be upside down"


def build_response(
    result: GroupingResult,
    entries: Sequence[Any] | None = None,
    previous: Mapping[str, Any] | None = None,
) -> tuple[list[GroupEntry], list[ImageEntry], Changes]:
    """Return ``groups, images`` and what is different from an earlier run.

    Args:
        result: the run.
        entries: what the caller gave for each photo; a dictionary's keys are kept.
        previous: the document of an earlier run.

    Raises:
        InputError: ``previous`` is not such a document.
    """
    ends = np.searchsorted(result.faces.photo_index, np.arange(len(result.photos) + 1))
    faces = _faces(result)
    images = [
        _image(result, i, faces[ends[i] : ends[i + 1]], entries[i] if entries else None)
        for i in range(len(result.photos))
    ]
    count = len(result.grouping)
    identities = assign_ids(previous, images, count)
    names = _names(result, identities.names)
    groups = [
        _group(result, g, members, identities.ids[g], names[g])
        for g, members in enumerate(group_members(result.grouping.labels))
    ]
    return groups, images, identities.changes


def _names(result: GroupingResult, before: Sequence[str | None]) -> list[str | None]:
    """A person's name: as corrected, else as in the run before."""
    names = list(before)
    if result.corrections is not None:
        for face, name in sorted(result.corrections.names.items()):
            group = int(result.grouping.labels[face])
            if group >= 0:
                names[group] = name
    return names


def _image(result: GroupingResult, i: int, faces: list[FaceEntry], entry: Any) -> ImageEntry:
    photo, outcome = result.photos[i], result.outcomes[i]
    image: dict[str, Any] = (
        dict(entry) if isinstance(entry, Mapping) else _named(photo.id, photo.location, entry)
    )
    image.update(
        width=outcome.width,
        height=outcome.height,
        sha256=outcome.sha256,
        group_idx=_seen(faces, outcome.failure is not None),
        faces=faces,
    )
    for key in ("copy_of", "rotation"):
        image.pop(key, None)  # of an earlier run, where its images are given again
    if result.copy_of[i] >= 0:
        image["copy_of"] = result.photos[result.copy_of[i]].id
    if outcome.rotation:
        image["rotation"] = outcome.rotation
    if outcome.failure is not None:
        image["error"] = outcome.failure.reason
    if remarks := [*outcome.warnings, *_turned(outcome.rotation)]:
        image["warnings"] = remarks
    return cast(ImageEntry, image)


def _named(photo_id: Any, location: str, entry: Any) -> dict[str, Any]:
    """Id and address of a photo that came without a dictionary; pixels have no address."""
    in_memory = entry is not None and not isinstance(entry, str | Path)
    return {"id": photo_id, "url": None if in_memory else location}


def _turned(rotation: int) -> list[str]:
    """What is said of a photo that has to be turned by so many degrees."""
    if not rotation:
        return []
    return [UPSIDE_DOWN if rotation == 180 else ON_ITS_SIDE]


def _seen(faces: list[FaceEntry], failed: bool) -> list[int]:
    """The ``group_idx`` of a photo."""
    if failed:
        return [NOT_READ]
    if not faces:
        return [NO_FACE]
    return sorted({face["group_idx"] for face in faces} - {NO_GROUP}) or [NO_GROUP]


def _faces(result: GroupingResult) -> list[FaceEntry]:
    """One dictionary a face; whole columns are rounded at once, as albums may be large."""
    faces, grouping = result.faces, result.grouping
    columns = zip(
        _rounded(faces.boxes, 2),
        _rounded(faces.landmarks, 2),
        _rounded(faces.scores, 4),
        _rounded(faces.quality, 4),
        grouping.labels.tolist(),
        _rounded(grouping.similarity, 4),
        grouping.evidence.tolist(),
        _rounded(grouping.evidence_similarity, 4),
        strict=True,
    )
    measured = _measured(faces)
    entries: list[Any] = [
        {
            "face_idx": row,
            "box": box,
            "landmarks": landmarks,
            "score": score,
            "quality": quality,
            **measured[row],
            "group_idx": group if group >= 0 else NO_GROUP,
            "similarity": similarity if group >= 0 else None,
            "evidence": [list(pair) for pair in zip(others, how, strict=True) if pair[0] >= 0],
        }
        for row, (box, landmarks, score, quality, group, similarity, others, how) in enumerate(
            columns
        )
    ]
    starts = np.searchsorted(faces.photo_index, np.arange(len(result.outcomes)))
    for start, outcome in zip(starts.tolist(), result.outcomes, strict=True):
        for row in outcome.drawn:
            entries[start + row]["drawn"] = True
    return entries


def _measured(faces: FaceSet) -> list[MeasuresEntry]:
    """Return what is said of each face beside its quality."""
    measures = dict(zip(QUALITY_MEASURES, faces.measures.T, strict=True))
    recognisable = faces.signs[:, RECOGNITION_SIGNS.index("recognisable")]
    pose = zip(*(_known(measures[angle], 1) for angle in ("yaw", "pitch", "roll")), strict=True)
    columns = zip(
        pose,
        _known(measures["size"], 1),
        _known(measures["sharpness"], 1),
        _known(measures["visible"], 3),
        _known(recognisable, 3),
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


def _known(values: Float32, digits: int) -> list[float | None]:
    """Python numbers, None for those that are not finite."""
    return [v if math.isfinite(v) else None for v in _rounded(values, digits)]


def _group(
    result: GroupingResult, g: int, members: Int64, group_id: str, name: str | None
) -> GroupEntry:
    """Return one person; ``members``: (m,) int64, the rows of their faces, ascending."""
    photos = result.faces.photo_index[members]
    different = np.unique(photos)
    copy_of = result.copy_of[different]
    earlier, similarity = previous_faces(result.faces.embeddings, members)
    return {
        "group_idx": g,
        "group_id": group_id,
        "name": name,
        "image_ids": [result.photos[i].id for i in different],
        "pictures": len(np.unique(np.where(copy_of < 0, different, copy_of))),
        "original_images_idx_list": photos.tolist(),
        "face2_idx_list": members.tolist(),
        "face1_idx_list": [[] if i < 0 else i for i in earlier.tolist()],
        "cosine_similarity_list": [
            -1 if i < 0 else _rounded(s, 4) for i, s in zip(earlier, similarity, strict=True)
        ],
        "face_list": [] if result.crops is None else list(result.crops[members]),
        "crop_path_list": [],
        "representative_face_idx": int(result.grouping.representative[g]),
        "cohesion": _rounded(result.grouping.cohesion[g], 4),
        "purity": _rounded(result.grouping.purity[g], 4),
    }


def previous_faces(embeddings: Float32, members: Int64) -> tuple[Int64, Float32]:
    """Return, for each face of a group, the most similar face that came before it.

    Args:
        embeddings: (n, d) float32 of all faces, rows of unit length.
        members: (m,) int64, the faces of one group in the order wanted.

    Returns:
        (m,) int64, the earlier face (-1 for the first), and (m,) float32, their similarity
        (-1 for the first).
    """
    vectors = embeddings[members]
    nearest, similarity = nearest_rows(vectors, vectors, 1, earlier_only=True, entries=BLOCK)
    place, found = nearest[:, 0], nearest[:, 0] >= 0
    return (
        np.where(found, members[place], -1),
        np.where(found, similarity[:, 0], np.float32(-1)),
    )


def _rounded(values: Any, digits: int) -> Any:
    """Python numbers, short enough to read."""
    return np.round(np.asarray(values, np.float64), digits).tolist()
