"""The photos in a folder, on a real file system."""

import os
import sys
from pathlib import Path

import pytest

from grouping.errors import SourceError
from grouping.sources.folders import photos_in_folder
from grouping.sources.listing import list_sources
from grouping.storage.destinations import open_destination
from tests.helpers.photo_files.folders import touch

NAMES = ["가족 사진.jpg", "with space.JPG", "party 🎉.png", "two\nlines.webp", "é.heic"]


def listed(*sources, **options) -> list[Path]:
    return [photo.path for photo in list_sources(sources, **options)]


def test_folders_are_listed_recursively_by_name(tmp_path):
    touch(tmp_path, "b.jpg", "a.jpg", "sub/z.jpg", "sub/deep/y.png", "sub2/x.jpeg", "notes.txt")
    expected = ["a.jpg", "b.jpg", "sub/z.jpg", "sub/deep/y.png", "sub2/x.jpeg"]
    assert listed(tmp_path) == [tmp_path / name for name in expected]


def test_names_in_any_script(tmp_path):
    touch(tmp_path, *NAMES)
    photos = list(list_sources([tmp_path]))
    assert sorted(photo.path.name for photo in photos) == sorted(NAMES)
    assert all(photo.read() == photo.path.name.encode() for photo in photos)


@pytest.mark.skipif(sys.platform == "darwin", reason="the file system refuses such names")
def test_names_that_are_not_utf8(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    Path(os.fsdecode(raw)).write_bytes(b"photo")
    (photo,) = list_sources([tmp_path])
    assert photo.read() == b"photo"
    assert photo.location.encode("utf-8").endswith(b"caf\\udce9.jpg")
    assert photo.fingerprint().key.encode("utf-8")


def test_hidden_files_and_junk_are_left_out(tmp_path):
    touch(tmp_path, "a.jpg", ".b.jpg", "._a.jpg", ".cache/c.jpg", "@eaDir/d.jpg", "__MACOSX/e.jpg")
    assert listed(tmp_path) == [tmp_path / "a.jpg"]


def test_a_folder_named_outright_may_be_hidden(tmp_path):
    touch(tmp_path, ".private/a.jpg")
    assert listed(tmp_path / ".private") == [tmp_path / ".private" / "a.jpg"]


def test_symlink_loops_end_and_linked_folders_count_once(tmp_path):
    touch(tmp_path, "album/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "album" / "up").symlink_to(tmp_path)
    (tmp_path / "album" / "self").symlink_to("self")
    (tmp_path / "album" / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "album" / "gone.jpg").symlink_to("nowhere.jpg")
    assert sorted(path.name for path in listed(tmp_path / "album")) == ["a.jpg", "b.jpg"]


def test_the_output_folder_is_left_out(tmp_path):
    touch(tmp_path, "a.jpg", "out/groups/person_000.jpg")
    assert listed(tmp_path, out=tmp_path / "out") == [tmp_path / "a.jpg"]
    with pytest.raises(SourceError, match="output folder"):
        listed(tmp_path, out=tmp_path)


def test_results_of_other_runs_in_the_album_are_left_out(tmp_path, caplog):
    album, old = tmp_path / "album", tmp_path / "album" / "old results"
    for path in (album / "a.jpg", old / "faces.png", old / "thumbs" / "b.jpg"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (old / "groups.json").touch()
    assert len(list(photos_in_folder(album))) == 3
    (old / "faces.csv").touch()
    assert list(photos_in_folder(album)) == [album / "a.jpg"]
    assert "results of another run" in caplog.text
    assert len(list(photos_in_folder(old))) == 2  # where it is asked for


def test_results_of_a_run_that_was_killed_are_left_out(tmp_path):
    touch(tmp_path, "a.jpg", "killed/thumbs/b.jpg")
    destination = open_destination(tmp_path / "killed")  # before it has written anything else
    assert list(photos_in_folder(tmp_path)) == [tmp_path / "a.jpg"]
    destination.close()
    assert list(photos_in_folder(tmp_path)) == [tmp_path / "a.jpg"]


def test_a_folder_without_photos_is_an_error(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(SourceError, match="holds no photos"):
        list_sources([tmp_path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(SourceError, match="cannot be read"):
        list_sources([tmp_path / "closed"])
