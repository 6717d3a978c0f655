import csv
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouping.errors import ConfigError, FetchError
from grouping.export.people_folders import export, write_archive, write_folders
from grouping.export.safe_names import MAX_BYTES, distinct_name, safe_name
from grouping.export.tables import write_tables
from tests.helpers.album import album

PHOTOS = [[0, 1], [0], [1, -1], [], [0, 1]]


@pytest.fixture
def on_disk(tmp_path):
    """An album whose photos are files, and the folder for the results."""
    result, open_photo = album(PHOTOS, names={0: '김/민수: "<b>"', 1: None})
    source = tmp_path / "source"
    source.mkdir()
    for i, image in enumerate(result["images"]):
        path = source / f"p{i}.png"
        path.write_bytes(open_photo(i))
        image["url"] = str(path)
    return result, open_photo, tmp_path / "out"


def tree(folder: Path) -> dict[str, bytes]:
    found = (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


EXPECTED = {"000 김_민수_ __b__": {0, 1, 4}, "001": {0, 2, 4}}


@pytest.mark.parametrize("copy", [False, True])
def test_each_person_has_a_folder_with_their_photos(on_disk, copy):
    result, open_photo, out = on_disk
    done = write_folders(result, out, open_photo, copy=copy)
    expected = {f"{who}/p{i}.png": open_photo(i) for who, ids in EXPECTED.items() for i in ids}
    assert tree(out / "people") == expected
    assert len(done.files) == 6
    assert done.problems == []
    shared = (out / "people" / "001" / "p0.png").samefile(result["images"][0]["url"])
    assert shared is not copy


def test_a_symbolic_link_where_a_hard_link_fails_and_a_copy_last(on_disk, monkeypatch):
    result, open_photo, out = on_disk

    def refuse(*_arguments: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    write_folders(result, out, open_photo)
    path = out / "people" / "001" / "p0.png"
    assert path.is_symlink()
    assert path.read_bytes() == open_photo(0)
    monkeypatch.setattr(os, "symlink", refuse)
    write_folders(result, out, open_photo)
    assert not path.is_symlink()
    assert path.read_bytes() == open_photo(0)
    assert not path.samefile(result["images"][0]["url"])


def test_photos_from_the_web_are_copied(tmp_path):
    result, open_photo = album([[0], [0]])
    for i, image in enumerate(result["images"]):
        image["url"] = f"https://example.org/a%20b/{i}%2F..%2Fx.png?token=1"
    write_folders(result, tmp_path, open_photo)
    assert tree(tmp_path / "people") == {
        "000/x.png": open_photo(0),
        "000/x (2).png": open_photo(1),
    }


def test_a_second_export_replaces_the_first_and_keeps_what_others_put_there(on_disk):
    result, open_photo, out = on_disk
    write_folders(result, out, open_photo)
    mine = out / "people" / "001" / "my notes.txt"
    mine.write_text("mine")
    smaller, open_smaller = album([[0], [0]])
    write_folders(smaller, out, open_smaller)
    left = tree(out / "people")
    assert set(left) == {"000/photo 0.png", "000/photo 1.png", "001/my notes.txt"}
    assert all(Path(image["url"]).is_file() for image in result["images"])


def test_a_forged_list_of_contents_removes_nothing_outside(on_disk):
    result, open_photo, out = on_disk
    write_folders(result, out, open_photo)
    victim = out / "victim.txt"
    victim.write_text("precious")
    lines = ["../victim.txt", str(victim), "001/../../victim.txt", "../../out/victim.txt"]
    (out / "people" / ".contents").write_text("\n".join(lines))
    write_folders(result, out, open_photo)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("copy", [False, True])
def test_nothing_is_ever_written_through_a_link_to_an_original(on_disk, copy):
    result, open_photo, out = on_disk
    in_the_way = out / "people" / "001" / "p0.png"
    in_the_way.parent.mkdir(parents=True)
    os.link(result["images"][3]["url"], in_the_way)
    write_folders(result, out, open_photo, copy=copy)
    assert in_the_way.read_bytes() == Path(result["images"][3]["url"]).read_bytes() == open_photo(3)
    assert (in_the_way.parent / "p0 (2).png").read_bytes() == open_photo(0)


def test_photos_that_are_gone_are_reported_and_the_rest_is_there(on_disk):
    result, open_photo, out = on_disk
    Path(result["images"][1]["url"]).unlink()

    def opener(i: int) -> bytes:
        if i == 1:
            raise FetchError("no such\nfile")
        return open_photo(i)

    done = export(result, out, opener, folders="link", archive=True)
    assert done.problems == ["p1.png: no such file"]
    assert len(tree(out / "people")) == 5
    assert len(zipfile.ZipFile(out / "people.zip").namelist()) == 5


def test_the_archive_holds_a_folder_a_person(on_disk):
    result, open_photo, out = on_disk
    out.mkdir()
    write_archive(result, out, open_photo)
    with zipfile.ZipFile(out / "people.zip") as archive:
        assert archive.testzip() is None
        held = {name: archive.read(name) for name in archive.namelist()}
    assert held == {f"{who}/p{i}.png": open_photo(i) for who, ids in EXPECTED.items() for i in ids}


def test_the_archive_opens_with_another_program(on_disk):
    result, open_photo, out = on_disk
    out.mkdir()
    write_archive(result, out, open_photo)
    listing = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", out / "people.zip"],
        capture_output=True,
        check=True,
        text=True,
    )
    assert "001/p4.png" in listing.stdout


def test_an_unknown_mode_is_refused_before_anything_is_written(on_disk):
    result, open_photo, out = on_disk
    with pytest.raises(ConfigError, match="none, link, copy"):
        export(result, out, open_photo, folders="move")
    assert not out.exists()


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


@given(st.text(max_size=300))
def test_safe_names_are_one_component_that_can_be_written(text):
    name = safe_name(text)
    assert 0 < len(name.encode("utf-8")) <= MAX_BYTES
    assert not set(name) & set('/\\:*?"<>|\0\n\r')
    assert name not in {".", ".."}
    assert not name.startswith((".", "-", "~", " "))
    assert not name.endswith((".", " "))


@pytest.mark.parametrize("text", ["", ".", "..", "...", "/", "\0", "con", "NUL.jpg", "COM1", " "])
def test_names_that_systems_reserve_are_changed(text):
    name = safe_name(text)
    assert name.strip("._ /") == "" or name.startswith("_")
    assert name not in {"", ".", ".."}


def test_long_names_keep_their_suffix():
    assert safe_name("김" * 200 + ".jpeg").endswith("김.jpeg")


def test_names_that_differ_in_case_only_are_told_apart():
    taken: set[str] = set()
    names = [distinct_name(n, taken) for n in ("a.JPG", "A.jpg", "a.jpg", "b", "B")]
    assert names == ["a.JPG", "A (2).jpg", "a (3).jpg", "b", "B (2)"]
