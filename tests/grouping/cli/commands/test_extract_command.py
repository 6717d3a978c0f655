"""extract: files on disk, what is printed, and what goes wrong."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from grouping import extract_faces
from grouping.cli.main import main
from tests.helpers.paths import PHOTOS


def test_pictures_and_numbers_are_those_of_extract_faces(tmp_path, capsys):
    album, out = tmp_path / "사진 🎉", tmp_path / "faces"
    album.mkdir()
    names = {"two_presidents.jpg": "a\nb.jpg", "president_biden.jpg": "con.jpg"}
    for name, new in {**names, "rocket.jpg": "a.png"}.items():
        (album / new).write_bytes((PHOTOS / name).read_bytes())
    assert main(["extract", str(album), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\nface ") + printed.startswith("face ") == 3
    assert "no face" in printed
    entries = json.loads((out / "faces.json").read_text())
    assert len(entries) == 3
    files = {"faces.json"}
    for entry in entries:
        source = next(album / new for new in [*names.values(), "a.png"] if new in entry["photo"])
        faces = extract_faces(source)
        assert len(faces) == len(entry["faces"])
        for face, told in zip(faces, entry["faces"], strict=True):
            for key, pixels in (("crop", face.crop), ("loose_crop", face.loose_crop)):
                name = told.pop(key)
                files.add(name)
                np.testing.assert_array_equal(np.asarray(Image.open(out / name)), pixels)
            assert told == face.as_dict()
    assert {path.name for path in out.iterdir()} == files
    assert len(files) == 7
    assert all(path.stat().st_mode & 0o077 == 0 for path in [out, *out.iterdir()])


def test_json_alone_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["extract", str(PHOTOS / "two_presidents.jpg"), "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert len(entry["faces"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_broken_photo_among_good_ones_is_named(tmp_path, capsys):
    (tmp_path / "broken.jpg").write_text("no photo")
    good = str(PHOTOS / "president_biden.jpg")
    assert main(["extract", str(tmp_path / "broken.jpg"), good, "--json"]) == 0
    broken, fine = json.loads(capsys.readouterr().out)
    assert "not an image" in broken["error"]
    assert len(fine["faces"]) == 1


def test_nothing_foreign_is_written_over(tmp_path):
    """Least of all a photo, where the faces go beside the photos."""
    shutil.copy(PHOTOS / "president_biden.jpg", tmp_path / "a.jpg")
    mine = tmp_path / "a-0.png"
    mine.write_bytes(b"my own picture")
    words = ["extract", str(tmp_path / "a.jpg"), "--out", str(tmp_path)]
    for _ in range(2):  # what an earlier run wrote is
        assert main(words) == 0
        assert mine.read_bytes() == b"my own picture"
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {"a.jpg", "a-0.png", "a (2)-0.png", "a (2)-0-loose.png", "faces.json"}
        (entry,) = json.loads((tmp_path / "faces.json").read_text())
        assert entry["faces"][0]["crop"] == "a (2)-0.png"


@pytest.mark.parametrize("text", ["mine", "[1]", '[{"faces": [7]}]', "[" * 100_000])
def test_a_document_of_somebody_else_tells_of_no_pictures(tmp_path, text):
    (tmp_path / "faces.json").write_text(text)
    words = ["extract", str(PHOTOS / "president_biden.jpg"), "--out", str(tmp_path)]
    assert main(words) == 0
    assert (tmp_path / "president_biden-0.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nobody.jpg", "--json"], "nobody.jpg does not exist"),
        ([str(PHOTOS / "rocket.jpg")], "say where the faces go"),
        ([str(PHOTOS / "rocket.jpg"), "--out", "s3://bucket/x"], "is not on this machine"),
        ([str(PHOTOS.parent / "test_docs.py"), "--json"], "no photo could be used; the first: "),
        (["http://127.0.0.1:1/a.jpg", "--json"], "no photo could be used"),
    ],
)
def test_known_errors_are_one_line(words, message, capsys):
    assert main(["extract", *words]) == 1
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert message in line


def test_what_was_done_before_a_stop_is_kept(tmp_path, monkeypatch):
    from grouping.api.photos import extract as api

    real, calls = api.extracted, []

    def stopped_at_the_third(seen):
        calls.append(seen)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(seen)

    monkeypatch.setattr(api, "extracted", stopped_at_the_third)
    assert main(["extract", str(PHOTOS), "--out", str(tmp_path / "faces")]) == 130
    entries = json.loads((tmp_path / "faces" / "faces.json").read_text())
    assert len(entries) == 2
    for entry in entries:
        assert all((tmp_path / "faces" / face["crop"]).exists() for face in entry["faces"])
