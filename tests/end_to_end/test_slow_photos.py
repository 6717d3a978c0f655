"""A photo that takes too long costs its own result, is named, and is looked at by the next run."""

import csv
import json
import shutil

import pytest

from tests.helpers.command import run, run_here
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.files import bmp_that_is_slow

LIMIT = 2  # seconds; the slow photo takes twice as long on a fast machine


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("album")
    for photo in PHOTOS.glob("*.jpg"):
        shutil.copy(photo, folder)
        (folder / f"b {photo.name}").write_bytes(photo.read_bytes() + b" ")  # of other bytes
    (folder / "slow.bmp").write_bytes(bmp_that_is_slow(2400))
    return folder


@pytest.mark.parametrize("workers", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_a_slow_photo_is_named_and_not_remembered(album, tmp_path, workers):
    out = tmp_path / "out"
    options = ("--workers", workers, "--photo-seconds", LIMIT)
    done = run(album, "--out", out, "--no-plots", *options)
    assert done.returncode == 0, done.stderr
    with (out / "failures.csv").open(encoding="utf-8-sig") as file:
        (failure,) = csv.DictReader(file)
    assert failure["photo"].endswith("slow.bmp")
    assert f"took longer than the {LIMIT} seconds" in failure["reason"]
    groups = json.loads((out / "groups.json").read_text())["groups"]
    assert len(groups) == 2
    again = run_here(album, "--out", out, "--no-plots", "--workers", 0)
    assert again.returncode == 0, again.stderr
    with (out / "failures.csv").open(encoding="utf-8-sig") as file:
        assert list(csv.DictReader(file)) == []
