"""What the client's dictionaries say about the faces of a group."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from grouping.config import GroupingConfig
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from grouping.records import FaceSet, PhotoFaces
from grouping.results.response import ON_ITS_SIDE, UPSIDE_DOWN, build_response, previous_faces
from grouping.results.run_result import GroupingResult
from grouping.sources.photo import LocalPhoto, MemoryPhoto
from tests.helpers.vectors import face_set, hard_vectors, unit


def test_previous_faces_by_their_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grouping.results.response.BLOCK", 7 * 25)
    vectors, _ = hard_vectors(40, seed=6)
    members = np.random.default_rng(0).permutation(40)[:25]
    nearest, similarity = previous_faces(vectors, members)
    assert (nearest[0], similarity[0]) == (-1, -1)
    for k in range(1, 25):
        products = [float(vectors[members[k]] @ vectors[m]) for m in members[:k]]
        assert nearest[k] == members[int(np.argmax(products))]
        assert similarity[k] == pytest.approx(max(products), abs=1e-6)


@pytest.fixture
def result() -> GroupingResult:
    """Four photos of one person; the third is a copy of the first, the fourth lies on its side."""
    vectors = unit(np.ones((4, 16)) + np.random.default_rng(0).normal(0, 0.05, (4, 16)))
    faces = face_set(vectors)
    faces.measures[:] = [90.04, 250, 12.345, -3.21, 44, 0.1, 0.98765]
    faces.measures[1, 2:] = [np.nan, np.nan, np.nan, np.inf, np.nan]
    outcomes = [PhotoFaces(400, 300, faces[i : i + 1], sha256=f"{i}") for i in range(4)]
    outcomes[3] = replace(outcomes[3], rotation=270)
    return GroupingResult(
        photos=tuple(MemoryPhoto(f"id {i}", f"photo {i}", data=b"") for i in range(4)),
        outcomes=tuple(outcomes),
        faces=faces,
        crops=None,
        grouping=group_faces(faces, GroupingRules(threshold=0.4)),
        copy_of=np.array([-1, -1, 0, -1]),
        model={
            **{"name": "made up", "architecture": "none", "file": "none"},
            **{"sha256": "", "source": "", "licence": ""},
        },
        threshold=0.4,
        config=GroupingConfig(),
    )


def test_images_say_what_they_are_copies_of_and_how_they_lie(result: GroupingResult) -> None:
    groups, images, _ = build_response(result)
    assert [image.get("copy_of") for image in images] == [None, None, "id 0", None]
    assert [image.get("rotation") for image in images] == [None, None, None, 270]
    assert groups[0]["image_ids"] == [f"id {i}" for i in range(4)]
    assert groups[0]["pictures"] == 3


def test_what_an_earlier_run_said_of_copies_is_not_kept(result: GroupingResult) -> None:
    entries = [{"id": f"id {i}", "copy_of": "id 3", "rotation": 90} for i in range(4)]
    _, images, _ = build_response(result, entries)
    assert [image.get("copy_of") for image in images] == [None, None, "id 0", None]
    assert [image.get("rotation") for image in images] == [None, None, None, 270]


def test_faces_say_how_they_are_seen(result: GroupingResult) -> None:
    _, images, _ = build_response(result)
    first, second = images[0]["faces"][0], images[1]["faces"][0]
    assert first["pose"] == {"yaw": 12.3, "pitch": -3.2, "roll": 44}
    assert (first["size"], first["sharpness"], first["visible"]) == (90, 250, 0.988)
    assert first["recognisable"] == 1
    assert second["pose"] == {"yaw": None, "pitch": None, "roll": None}
    assert second["visible"] is None
    json.dumps(images, allow_nan=False)


def image_entry(**columns):
    """The entry of a single photo without faces."""
    photo = PhotoFaces(width=40, height=30, sha256="00", **columns)
    faces = FaceSet.empty()
    result = GroupingResult(
        photos=(LocalPhoto.at(Path("a.jpg")),),
        outcomes=(photo,),
        faces=faces,
        crops=None,
        grouping=group_faces(faces, GroupingRules(threshold=0.4)),
        copy_of=np.array([-1]),
        model=None,
        threshold=0.4,
        config=GroupingConfig(),
    )
    return build_response(result)[1][0]


@pytest.mark.parametrize(
    ("rotation", "remarks"),
    [
        (0, ["cut"]),
        (90, ["cut", ON_ITS_SIDE]),
        (180, ["cut", UPSIDE_DOWN]),
        (270, ["cut", ON_ITS_SIDE]),
    ],
)
def test_the_side_a_photo_lies_on_is_said(rotation, remarks):
    entry = image_entry(rotation=rotation, warnings=("cut",))
    assert entry.get("rotation", 0) == rotation
    assert ("rotation" in entry) == (rotation != 0)
    assert entry["warnings"] == remarks
    assert "warnings" not in image_entry()
