"""Reading photos of this machine."""

import os
import time
from pathlib import Path

import pytest

from grouping.errors import FetchError
from grouping.sources.photo import LocalPhoto
from tests.helpers.photo_files.folders import touch


def test_local_photos_report_why_they_cannot_be_read(tmp_path):
    missing = LocalPhoto.at(tmp_path / "gone.jpg")
    assert missing.fingerprint() is None
    with pytest.raises(FetchError, match="No such file"):
        missing.read()
    with pytest.raises(FetchError, match=r"regular file|Is a directory"):
        LocalPhoto.at(tmp_path).read()
    with pytest.raises(FetchError, match="cannot be read"):
        LocalPhoto.at(Path("a\0b.jpg")).read()


def test_pipes_and_endless_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/zero")):
        with pytest.raises(FetchError, match="regular file"):
            LocalPhoto.at(path).read()


def test_the_size_limit_holds_for_files(tmp_path):
    (tmp_path / "big.jpg").write_bytes(b"x" * 1001)
    with pytest.raises(FetchError, match="limit"):
        LocalPhoto.at(tmp_path / "big.jpg", max_bytes=1000).read()
    assert len(LocalPhoto.at(tmp_path / "big.jpg", max_bytes=1001).read()) == 1001


def test_a_fingerprint_changes_with_the_file_and_not_with_the_way_to_it(tmp_path, monkeypatch):
    touch(tmp_path, "a.jpg")
    before = LocalPhoto.at(tmp_path / "a.jpg").fingerprint()
    monkeypatch.chdir(tmp_path)
    assert LocalPhoto.at(Path("a.jpg")).fingerprint() == before
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    after = LocalPhoto.at(tmp_path / "a.jpg").fingerprint()
    assert after.key == before.key
    assert after.version != before.version


def test_a_change_that_keeps_size_and_time_is_noticed(tmp_path):
    """As ``exiftool -P`` and copies to memory cards do."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    fingerprint = LocalPhoto.at(path).fingerprint()
    assert LocalPhoto.at(path).fingerprint() == fingerprint
    time.sleep(0.02)
    path.write_bytes(b"two")
    os.utime(path, ns=(10**18, 10**18))
    in_place = LocalPhoto.at(path).fingerprint()
    assert in_place != fingerprint
    (tmp_path / "new").write_bytes(b"six")
    os.utime(tmp_path / "new", ns=(10**18, 10**18))
    (tmp_path / "new").replace(path)
    assert LocalPhoto.at(path).fingerprint() not in (fingerprint, in_place)


def test_what_reading_will_take_is_known_beforehand(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x" * 1001)
    assert LocalPhoto.at(tmp_path / "a.jpg").expected_bytes == 1001
    assert LocalPhoto.at(tmp_path / "a.jpg", max_bytes=10).expected_bytes == 10
    assert LocalPhoto.at(tmp_path / "gone.jpg").expected_bytes == 0
