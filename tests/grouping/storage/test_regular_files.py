"""Files that somebody else named."""

import os

import pytest

from grouping.errors import InputError
from grouping.storage.regular_files import read_regular_file


def test_only_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"12345")
    assert read_regular_file(tmp_path / "large", 5) == b"12345"
    with pytest.raises(InputError, match="not a file"):
        read_regular_file(tmp_path / "pipe", 5)
    with pytest.raises(InputError, match="not a file"):
        read_regular_file(tmp_path, 5)
    with pytest.raises(InputError, match="larger"):
        read_regular_file(tmp_path / "large", 4)
