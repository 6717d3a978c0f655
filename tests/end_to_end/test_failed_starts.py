"""A run that fails before it has written anything leaves nothing behind."""

import os
import shutil

import pytest

from grouping.cli.main import main
from grouping.storage.cache import Cache
from grouping.storage.folder_lock import FolderLock
from grouping.storage.result_folder import LOCK_FILE
from tests.helpers.paths import PHOTOS

PHOTO = str(PHOTOS / "rocket.jpg")


def below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "words",
    [
        ["nowhere", "--out", "new/out"],
        [PHOTO, "--out", "new/out", "--checkpoint", "nowhere.pth"],
        [PHOTO, "--out", "new/out", "--opt-out", "nowhere"],
        [PHOTO, "--out", "new/out", "--corrections", "nowhere.toml"],
        [PHOTO, "--out", "new/out", "--cache", "other/new.sqlite", "--opt-out", "nowhere"],
        ["extract", PHOTO, "--out", "new/out", "--checkpoint", "nowhere.pth"],
        ["represent", "nowhere", "--out", "new/out/f.npz"],
        ["represent", PHOTO, "--cache", "new/c.sqlite", "--checkpoint", "no.pth", "--json"],
        ["verify", PHOTO, "nowhere", "--picture", "new/out/p.png"],
    ],
)
def test_nothing_is_left_behind(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    assert below(tmp_path) == []


def test_a_folder_that_was_there_stays_and_is_no_folder_of_results(tmp_path, capsys):
    """The folder of photos named for the results too: its photos are photos later on."""
    photos = tmp_path / "all" / "photos"
    photos.mkdir(parents=True)
    shutil.copy(PHOTO, photos)
    assert main([str(photos), "--out", str(photos)]) == 1
    assert "is also the output folder" in capsys.readouterr().err
    assert below(photos) == ["rocket.jpg"]
    options = ["--no-plots", "--no-cache", "--workers", "0"]
    assert main([str(photos.parent), "--out", str(tmp_path / "out"), *options]) == 0
    assert "photos     1 (1 without a face" in capsys.readouterr().out


def test_what_others_put_there_and_what_a_run_has_stored_stays(tmp_path, monkeypatch):
    out = tmp_path / "out"

    def fail(*_args, **_more):
        (out / "notes.txt").write_text("mine")
        raise OSError("unforeseen")

    with monkeypatch.context() as patched:
        patched.setattr("grouping.cli.commands.group.GroupingPipeline", fail)
        assert main([PHOTO, "--out", str(out)]) == 4
    assert below(out) == ["notes.txt"]
    with monkeypatch.context() as patched:  # after all photos are in the cache
        patched.setattr("grouping.cli.commands.group.write_results", fail)
        assert main([PHOTO, "--out", str(out), "--workers", "0", "--no-plots"]) == 4
    assert below(out) == [LOCK_FILE, "cache.sqlite", "notes.txt"]
    with Cache.open(out / "cache.sqlite") as cache:
        assert len(cache.contents()) == 1


def test_a_lock_that_was_taken_back_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    """Two runs never hold two files of one name."""
    first = FolderLock(tmp_path)
    opened = os.open

    def slow(path, *more):
        handle = opened(path, *more)
        if str(path).endswith(LOCK_FILE) and not first_ended:
            first_ended.append(True)
            first.take_back()
            first.close()
        return handle

    first_ended: list[bool] = []
    monkeypatch.setattr(os, "open", slow)
    with FolderLock(tmp_path) as second:
        assert second._is_there()
        assert first_ended
