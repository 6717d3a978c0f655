"""Copies of photos: what has changed is not copied, what is there is not touched."""

import os
import stat
from hashlib import sha256

import pytest

from grouping.errors import FetchError, OutputError
from grouping.export.photo_copies import copy_photos
from grouping.results.album import Album

DATA = [b"one", b"two", b"three"]


def album(names=("a.jpg", "b.jpg", "c.jpg")):
    images = [
        {
            "id": name,
            "url": f"/album/{name}",
            "sha256": sha256(data).hexdigest(),
            "width": 1,
            "height": 1,
            "group_idx": [-2],
            "faces": [],
        }
        for name, data in zip(names, DATA, strict=True)
    ]
    return Album({"images": images, "groups": []})


def test_chosen_photos_are_copied_for_their_owner_only(tmp_path):
    done = copy_photos(album(), [0, 2], tmp_path / "mine", DATA.__getitem__)
    assert [path.name for path in done.files] == ["a.jpg", "c.jpg"]
    assert [path.read_bytes() for path in done.files] == [b"one", b"three"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in done.files} == {0o600}
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o700
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == ["a.jpg", "c.jpg"]


def test_again_makes_nothing_new(tmp_path):
    for _ in range(3):
        copy_photos(album(), [0, 1, 2], tmp_path, DATA.__getitem__)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "b.jpg", "c.jpg"]


@pytest.mark.parametrize("links", [True, False])
def test_nothing_is_written_over(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "a.jpg").write_bytes(b"mine")
    (tmp_path / "elsewhere").write_bytes(b"one")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "c.jpg").mkdir()
    done = copy_photos(album(), [0, 1, 2], tmp_path, DATA.__getitem__)
    assert [path.name for path in done.files] == ["a (2).jpg", "b (2).jpg", "c (2).jpg"]
    assert (tmp_path / "a.jpg").read_bytes() == b"mine"
    assert (tmp_path / "elsewhere").read_bytes() == b"one"
    assert [path.read_bytes() for path in done.files] == DATA
    assert not list(tmp_path.glob(".*"))


def refuse(*_):
    raise OSError(1, "Operation not permitted")


def test_photos_of_one_name_are_both_there(tmp_path):
    names = ("a.jpg", "x/a.jpg", "y/a.jpg")
    done = copy_photos(album(names), [0, 1, 2], tmp_path, DATA.__getitem__)
    assert [path.name for path in done.files] == ["a.jpg", "a (2).jpg", "a (3).jpg"]


def test_what_has_changed_or_is_gone_is_said_and_not_copied(tmp_path):
    def opened(photo):
        if photo == 1:
            raise FetchError("cannot be read: No such file")
        return b"other" if photo == 0 else DATA[photo]

    done = copy_photos(album(), [0, 1, 2], tmp_path, opened)
    assert [path.name for path in done.files] == ["c.jpg"]
    assert done.problems == [
        "a.jpg: the photo has changed since it was grouped",
        "b.jpg: cannot be read: No such file",
    ]


def test_a_photo_of_which_the_album_has_no_digest(tmp_path):
    unknown = album()
    unknown.images[0]["sha256"] = None
    assert "not read" in copy_photos(unknown, [0], tmp_path, DATA.__getitem__).problems[0]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        copy_photos(album(), [0], tmp_path / "file" / "mine", DATA.__getitem__)
    with pytest.raises(OutputError, match="cannot write"):
        copy_photos(album(), [0], tmp_path / "file", DATA.__getitem__)
