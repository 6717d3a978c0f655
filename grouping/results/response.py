"""A run in the client's words: ``groups`` and ``images``, see :mod:`grouping.results.schema`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from grouping.records import Float32, Int64
from grouping.results.attribute_entries import add_attributes
from grouping.results.face_entries import detected_entries, rounded
from grouping.results.person_ids import Changes, assign_ids
from grouping.results.schema import (
    NO_FACE,
    NO_GROUP,
    NOT_READ,
    OPTED_OUT,
    FaceEntry,
    GroupEntry,
    ImageEntry,
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
    gone = None if result.opted_out is None else result.opted_out.holds
    identities = assign_ids(previous, images, count, gone)
    names = _names(result, identities.names)
    groups = [
        _group(result, g, members, identities.ids[g], names[g])
        for g, members in enumerate(group_members(result.grouping.labels))
    ]
    if result.known is not None:
        ids = dict(zip(result.known.names, result.known.ids, strict=True))
        for group in groups:
            if (known_id := ids.get(group["name"] or "")) is not None:
                group["known_id"] = known_id
    add_attributes(result, faces, groups)
    return groups, images, identities.changes


def _names(result: GroupingResult, before: Sequence[str | None]) -> list[str | None]:
    """A person's name: as corrected, else as known beforehand, else as in the run before."""
    names = list(before)
    if result.known is not None:
        known = result.known.names
        names = [None if name in known else name for name in names]  # unless it is them
        for group, person in enumerate(result.grouping.person.tolist()):
            if person >= 0:
                names[group] = known[person]
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
    for key in ("copy_of", "opted_out", "rotation"):
        image.pop(key, None)  # of an earlier run, where its images are given again
    if result.copy_of[i] >= 0:
        image["copy_of"] = result.photos[result.copy_of[i]].id
    opted_out = 0 if result.opted_out is None else len(result.opted_out.boxes_of.get(i, ()))
    if opted_out:
        image["opted_out"] = opted_out
    if outcome.rotation:
        image["rotation"] = outcome.rotation
    if outcome.failure is not None:
        image["error"] = outcome.failure.reason
    if remarks := [*outcome.warnings, *_turned(outcome.rotation), *_opted_out(opted_out)]:
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


def _opted_out(count: int) -> list[str]:
    """What is said of a photo of which so many faces were left out."""
    if not count:
        return []
    return [f"{count} {'face' if count == 1 else 'faces'} {OPTED_OUT}"]


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
        detected_entries(faces),
        grouping.labels.tolist(),
        rounded(grouping.similarity, 4),
        grouping.evidence.tolist(),
        rounded(grouping.evidence_similarity, 4),
        strict=True,
    )
    entries: list[Any] = [
        {
            "face_idx": row,
            **detected,
            "group_idx": group if group >= 0 else NO_GROUP,
            "similarity": similarity if group >= 0 else None,
            "evidence": [list(pair) for pair in zip(others, how, strict=True) if pair[0] >= 0],
        }
        for row, (detected, group, similarity, others, how) in enumerate(columns)
    ]
    starts = np.searchsorted(faces.photo_index, np.arange(len(result.outcomes)))
    for start, outcome in zip(starts.tolist(), result.outcomes, strict=True):
        for row in outcome.drawn:
            entries[start + row]["drawn"] = True
    return entries


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
            -1 if i < 0 else rounded(s, 4) for i, s in zip(earlier, similarity, strict=True)
        ],
        "face_list": [] if result.crops is None else list(result.crops[members]),
        "crop_path_list": [],
        "representative_face_idx": int(result.grouping.representative[g]),
        "cohesion": rounded(result.grouping.cohesion[g], 4),
        "purity": rounded(result.grouping.purity[g], 4),
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
