"""The secret of a service: one for all processes, for its owner's eyes."""

import multiprocessing
import os
import stat

import pytest

from grouping.errors import ConfigError, OutputError
from grouping.service.safety.secret_file import SECRET_FILE, derived_secret, load_secret


def test_it_is_made_once_and_private(tmp_path):
    folder = tmp_path / "data"
    secret = load_secret(folder)
    assert len(secret) == 32
    assert load_secret(folder) == secret
    assert stat.S_IMODE((folder / SECRET_FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [SECRET_FILE]


def test_processes_that_start_at_once_get_the_same(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert len(set(pool.map(load_secret, [tmp_path] * 16, chunksize=1))) == 1


def test_one_that_others_may_read_is_refused(tmp_path):
    load_secret(tmp_path)
    os.chmod(tmp_path / SECRET_FILE, 0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_secret(tmp_path)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_one_is_not_used(tmp_path, content):
    (tmp_path / SECRET_FILE).write_bytes(content)
    os.chmod(tmp_path / SECRET_FILE, 0o600)
    with pytest.raises(ConfigError, match="damaged"):
        load_secret(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="writable"):
        load_secret(tmp_path / "file")


def test_purposes_have_secrets_of_their_own():
    secret = bytes(32)
    made = {derived_secret(secret, *words) for words in (("a",), ("b",), ("a", "b"), ("ab",))}
    assert len(made) == 4
    assert secret not in made
