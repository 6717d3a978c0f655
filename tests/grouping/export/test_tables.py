"""Tables of faces, groups and failures."""

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest

from grouping.export.tables import table_bytes, write_failures, write_tables
from grouping.records import Failure, PhotoFaces
from grouping.sources.file_kinds import LeftOut
from grouping.sources.photo import RefusedPhoto
from tests.helpers.results.album import album, with_copies

PHOTOS = [[0, 1], [0], [1, -1], [], [0, 1]]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_tables_have_a_row_a_face_and_a_row_a_person(tmp_path):
    result, _ = album(PHOTOS, names={1: 'Ann, "A"\nB'})
    write_tables(result, tmp_path)
    faces, groups = rows(tmp_path / "faces.csv"), rows(tmp_path / "groups.csv")
    assert [int(row["face_idx"]) for row in faces] == list(range(7))
    assert [int(row["group_idx"]) for row in faces] == [0, 1, 0, 1, -1, 0, 1]
    assert [row["photo_id"] for row in faces][:3] == ["photo-0", "photo-0", "photo-1"]
    assert float(faces[1]["x1"]) == 110
    assert faces[4]["similarity"] == ""
    assert [(int(row["photos"]), int(row["faces"])) for row in groups] == [(3, 3), (3, 3)]
    assert groups[1]["name"] == 'Ann, "A"\nB'


def test_tables_say_how_faces_are_seen_and_what_is_a_copy(tmp_path):
    result, _ = album(PHOTOS)
    with_copies(result, {1: 0})
    seen = {"size": 60.1, "sharpness": None, "visible": 0.9, "recognisable": 0.7}
    result["images"][1]["faces"][0] |= {**seen, "pose": {"yaw": -3, "pitch": 2.5, "roll": None}}
    write_tables(result, tmp_path)
    faces, groups = rows(tmp_path / "faces.csv"), rows(tmp_path / "groups.csv")
    assert [row["copy_of"] for row in faces] == ["", "", "photo-0", "", "", "", ""]
    columns = ("size", "sharpness", "yaw", "pitch", "roll", "visible", "recognisable")
    assert [faces[2][column] for column in columns] == ["60.1", "", "-3", "2.5", "", "0.9", "0.7"]
    assert [faces[0][column] for column in columns] == [""] * 7  # as version 0.1.0 wrote them
    assert [(row["photos"], row["pictures"]) for row in groups] == [("3", "2"), ("3", "3")]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(tmp_path, start):
    result, _ = album([[0], [0]], names={0: start + "HYPERLINK(1)"})
    result["images"][0]["id"] = start + "cmd"
    result["images"][1]["url"] = start + "x"
    write_tables(result, tmp_path)
    cells = [
        v for name in ("faces.csv", "groups.csv") for r in rows(tmp_path / name) for v in r.values()
    ]
    assert "'" + start + "cmd" in cells
    assert not [cell for cell in cells if cell.startswith(start) and cell != "-1"]


def test_file_names_that_are_not_text_reach_the_tables(tmp_path):
    result, _ = album([[0], [0]])
    result["images"][0]["url"] = "/a/\udcff.jpg"
    write_tables(result, tmp_path)
    assert "\\udcff" in rows(tmp_path / "faces.csv")[0]["photo_url"]


def test_failures_have_a_row_a_photo_that_failed(tmp_path):
    photos = [RefusedPhoto(i, f"=place {i}", "") for i in range(3)]
    outcomes = [
        PhotoFaces(failure=Failure("fetch", "no answer", retryable=True)),
        PhotoFaces(),
        PhotoFaces(failure=Failure("decode", "not an image")),
    ]
    left_out = LeftOut()
    left_out.add("=clip.mp4", "video")
    result = SimpleNamespace(photos=photos, outcomes=outcomes, left_out=left_out)
    path = write_failures(result, tmp_path)
    assert path == tmp_path / "failures.csv"
    assert [list(row.values()) for row in rows(path)] == [
        ["'=place 0", "fetch", "no answer", "yes"],
        ["'=place 2", "decode", "not an image", "no"],
        ["'=clip.mp4", "list", "left out: a video, not a photo", "no"],
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a; @b;+c", "a;' @b;'+c"),
        ("a\t=1", "a\t'=1"),
        (" =1", "' =1"),
        ("Anna; Berta", "Anna; Berta"),
        ("a-b=c", "a-b=c"),
    ],
)
def test_no_part_of_a_cell_is_a_formula_where_semicolons_end_cells(text, written):
    """As spreadsheets read files in countries with decimal commas, quotes or not."""
    (_, row) = table_bytes(["name"], [iter([text])]).decode("utf-8-sig").split("\r\n")[:2]
    assert row.strip('"') == written
