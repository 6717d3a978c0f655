"""Files that are there in full or not at all."""

import errno
import os
import stat

import pytest

from grouping.errors import OutputError
from grouping.storage.atomic_files import (
    make_folder,
    remove_files,
    share_results,
    write_bytes,
    write_error,
)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_is_for_its_owner_alone_unless_it_is_shared(tmp_path):
    before = os.umask(0o022)
    try:
        private = write_bytes(make_folder(tmp_path / "private") / "a", b"face")
        share_results(share=True)
        shared = write_bytes(make_folder(tmp_path / "shared") / "a", b"face")
    finally:
        share_results(share=False)
        os.umask(before)
    assert (mode(private.parent), mode(private)) == (0o700, 0o600)
    assert (mode(shared.parent), mode(shared)) == (0o755, 0o644)


def test_the_bytes_are_on_the_disk_before_the_name_appears(tmp_path, monkeypatch):
    """The order of the calls; no test can cut the power."""
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("replace"), replace(a, b)))
    write_bytes(tmp_path / "a", b"face")
    write_bytes(tmp_path / "b", b"thumbnail", durable=False)
    assert order == ["fsync", "replace", "replace"]


def test_a_link_in_the_place_of_the_file_aside_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    for thread in range(3):
        (tmp_path / f".{os.getpid()}-{thread}.part").symlink_to(victim)
    write_bytes(tmp_path / "a", b"face")
    assert victim.read_bytes() == b"precious"


def test_an_error_leaves_the_earlier_file_and_nothing_else(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "inside").touch()
    with pytest.raises(OutputError, match="cannot write"):
        write_bytes(tmp_path / "a", b"face")
    assert os.listdir(tmp_path) == ["a"]


def test_all_that_can_be_removed_is(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    paths[0].write_bytes(b"")
    paths[1].mkdir()
    paths[2].write_bytes(b"")
    with pytest.raises(OutputError, match=r"cannot remove .*b, which may show .*: Is a directory"):
        remove_files([*paths, tmp_path / "not there"])
    assert list(tmp_path.iterdir()) == [paths[1]]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "; free some space or choose another output folder"),
        (errno.EDQUOT, "; free some space or choose another output folder"),
        (errno.EFBIG, "; free some space or choose another output folder"),
        (errno.EACCES, "; make it writable for you or choose another output folder"),
        (errno.EROFS, "; make it writable for you or choose another output folder"),
        (errno.EEXIST, "; see what lies in its place or choose another output folder"),
        (errno.EIO, "; choose another output folder"),
    ],
)
def test_the_remedy_is_that_of_the_error(tmp_path, number, words):
    said = str(write_error(tmp_path / "a\udcff", OSError(number, os.strerror(number))))
    assert said == f"cannot write {tmp_path}/a\\udcff: {os.strerror(number)}{words}"
