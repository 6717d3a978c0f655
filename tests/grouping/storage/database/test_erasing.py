"""Caches erased for good."""

import os
import sqlite3
import subprocess
from contextlib import closing, suppress

import pytest

from grouping.cli.main import main
from grouping.errors import CacheError
from grouping.storage.cache import Cache
from grouping.storage.database.erasing import erase_cache
from tests.helpers.results.cache import digest, result_for


@pytest.fixture
def filled(tmp_path):
    """A cache with the vectors of some photos."""
    return fill(tmp_path / "cache.sqlite")


def fill(path):
    with Cache.open(path) as cache:
        for name in ("one", "two"):
            cache.store(result_for(name, faces=40), "mtcnn", "small")
    return path


def test_nothing_is_left_and_the_bytes_were_overwritten(filled):
    vector = result_for("one", faces=40).faces.embeddings[7].tobytes()
    (filled.parent / "cache.sqlite.damaged-20260101-000000-1").write_bytes(vector)
    other = filled.parent / "kept"
    os.link(filled, other)  # so that the bytes can be looked at afterwards
    assert vector in other.read_bytes()
    erase_cache(filled)
    assert os.listdir(filled.parent) == ["kept"]
    assert not any(other.read_bytes())


def test_a_cache_in_use_is_left_alone(filled):
    with closing(sqlite3.connect(filled)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM detections").fetchone()
        with pytest.raises(CacheError, match="another run"):
            erase_cache(filled)
    with Cache.open(filled) as cache:
        assert cache.load(digest("one"), "mtcnn", "small") is not None


def test_a_damaged_cache_is_erased_too(filled):
    with filled.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 4000)
    erase_cache(filled)
    assert not filled.exists()


def test_a_file_of_another_program_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("precious")
    with pytest.raises(CacheError, match="another program"):
        erase_cache(tmp_path / "letter.txt")
    assert (tmp_path / "letter.txt").read_text() == "precious"


def test_a_full_disk_is_no_obstacle(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        path = fill(disk / "cache.sqlite")
        with (disk / "rest").open("wb", 0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass  # until there is no room
        with pytest.raises(OSError, match="No space"):
            (disk / "more").write_bytes(bytes(4096))
        assert main(["erase", "--cache", str(path)]) == 0
        assert not path.exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
