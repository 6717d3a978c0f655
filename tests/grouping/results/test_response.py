"""What the client's dictionaries say about the faces of a group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grouping.config import GroupingConfig
from grouping.people.group_faces import GroupingRules, group_faces
from grouping.records import FaceSet, PhotoFaces
from grouping.results.response import ON_ITS_SIDE, UPSIDE_DOWN, build_response, previous_faces
from grouping.results.run_result import GroupingResult
from grouping.sources.photo import LocalPhoto
from tests.helpers.vectors import hard_vectors


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
