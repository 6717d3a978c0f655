"""A photo that takes too long costs its own result, is named, and is looked at by the next run."""

import csv
import json
import shutil
import subprocess
import sys

import pytest

from tests.helpers.paths import PHOTOS, ROOT
from tests.helpers.photo_files.files import bmp_that_is_slow

LIMIT = 4  # seconds; the slow photo takes twice as long on a fast machine


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("album")
    for photo in PHOTOS.glob("*.jpg"):
        shutil.copy(photo, folder)
        (folder / f"b {photo.name}").write_bytes(photo.read_bytes() + b" ")  # of other bytes
    (folder / "slow.bmp").write_bytes(bmp_that_is_slow(4000))
    return folder


@pytest.mark.parametrize("workers", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_a_slow_photo_is_named_and_not_remembered(album, tmp_path, workers):
    out = tmp_path / "out"
    done = run(album, out, "--workers", workers, "--photo-seconds", LIMIT)
    assert done.returncode == 0, done.stderr
    with (out / "failures.csv").open(encoding="utf-8-sig") as file:
        (failure,) = csv.DictReader(file)
    assert failure["photo"].endswith("slow.bmp")
    assert f"took longer than the {LIMIT} seconds" in failure["reason"]
    groups = json.loads((out / "groups.json").read_text())["groups"]
    assert len(groups) == 2
    again = run(album, out, "--workers", 0)
    assert again.returncode == 0, again.stderr
    with (out / "failures.csv").open(encoding="utf-8-sig") as file:
        assert list(csv.DictReader(file)) == []


def run(album, out, *options):
    command = [sys.executable, str(ROOT / "run_grouping.py"), str(album), "--out", str(out)]
    return subprocess.run(
        [*command, "--no-plots", *map(str, options)], capture_output=True, text=True, timeout=300
    )
