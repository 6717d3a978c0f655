"""A folder a person, and the archive."""

import os
import stat
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from grouping.errors import FetchError
from grouping.export.people_folders import _listed_file, write_archive, write_folders
from tests.helpers.photo_files.folders import tree
from tests.helpers.results.album import album

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
    (out / "people" / "linked").symlink_to(out)
    lines = ["../victim.txt", str(victim), "001/../../victim.txt", "../../out/victim.txt"]
    lines += ["linked/victim.txt", "/victim.txt"]
    (out / "people" / ".contents").write_text("\n".join(lines))
    write_folders(result, out, open_photo)
    assert victim.read_text() == "precious"


def test_an_absolute_name_of_two_parts_means_nothing_inside(tmp_path):
    assert _listed_file(tmp_path, "/victim.txt") is None
    assert _listed_file(tmp_path, "001/photo.jpg") == tmp_path / "001" / "photo.jpg"


@pytest.mark.parametrize("copy", [False, True])
def test_a_forged_document_hands_on_no_file_but_photos_that_were_grouped(on_disk, tmp_path, copy):
    result, _, out = on_disk
    secret = tmp_path / "secret.txt"
    secret.write_text("precious")
    result["images"][0]["url"] = str(secret)  # not what was grouped
    result["images"][1] |= {"url": str(secret), "sha256": sha256(b"precious").hexdigest()}

    def open_any(photo):
        return Path(result["images"][photo]["url"]).read_bytes()

    for made in (
        write_folders(result, out, open_any, copy=copy),
        write_archive(result, out, open_any),
    ):
        assert ["changed" in p or "not handed on" in p for p in made.problems] == [True, True]
    assert b"precious" not in [path.read_bytes() for path in out.rglob("*") if path.is_file()]
    with zipfile.ZipFile(out / "people.zip") as archive:
        assert b"precious" not in [archive.read(name) for name in archive.namelist()]


def test_folders_and_archive_are_for_their_owner_alone(on_disk):
    result, open_photo, out = on_disk
    write_folders(result, out, open_photo, copy=True)
    write_archive(result, out, open_photo)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in [*out.rglob("*")]}
    assert modes == {0o600, 0o700}


@pytest.mark.parametrize("copy", [False, True])
def test_nothing_is_ever_written_through_a_link_to_an_original(on_disk, copy):
    result, open_photo, out = on_disk
    in_the_way = out / "people" / "001" / "p0.png"
    in_the_way.parent.mkdir(parents=True)
    os.link(result["images"][3]["url"], in_the_way)
    write_folders(result, out, open_photo, copy=copy)
    assert in_the_way.read_bytes() == Path(result["images"][3]["url"]).read_bytes() == open_photo(3)
    assert (in_the_way.parent / "p0 (2).png").read_bytes() == open_photo(0)


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


def test_a_photo_at_a_place_that_no_file_can_have_is_written_all_the_same(on_disk):
    result, open_photo, out = on_disk
    result["images"][0]["url"] = "/" + "1" * 5000
    done = write_folders(result, out, open_photo)
    assert done.problems == []
    copies = [path for path in done.files if path.read_bytes() == open_photo(0)]
    assert len(copies) == 2


def test_an_export_that_broke_off_leaves_nothing_that_the_next_one_does_not_know(on_disk):
    """As if killed: the photos so far are there, no later line of the program was reached."""
    result, open_photo, out = on_disk
    mine = out / "people" / "001" / "p2.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")

    def breaks_off(photo):
        if photo == 4:
            raise KeyboardInterrupt
        return open_photo(photo)

    with pytest.raises(KeyboardInterrupt):
        write_folders(result, out, breaks_off, copy=True)
    assert (out / "people" / "001" / "p0.png").exists()
    write_folders(result, out, open_photo, copy=True)
    expected = {f"{who}/p{i}.png": open_photo(i) for who, ids in EXPECTED.items() for i in ids}
    assert {name: data for name, data in tree(out / "people").items() if data != b"mine"} == {
        name: data for name, data in expected.items() if name != "001/p2.png"
    } | {"001/p2 (2).png": open_photo(2)}
    assert mine.read_bytes() == b"mine"


def test_a_photo_that_can_be_read_once_alone_is_listed_where_it_is(on_disk):
    """It is in two folders, and its server gives up between them."""
    result, open_photo, out = on_disk
    reads = []

    def fails_later(photo):
        reads.append(photo)
        if reads.count(photo) > 1:
            raise FetchError("gone")
        return open_photo(photo)

    assert write_folders(result, out, fails_later, copy=True).problems
    write_folders(result, out, open_photo, copy=True)
    expected = {f"{who}/p{i}.png": open_photo(i) for who, ids in EXPECTED.items() for i in ids}
    assert tree(out / "people") == expected
