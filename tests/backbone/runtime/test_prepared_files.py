"""Networks kept in files compute the same to the bit; damaged files are not used."""

import os
import stat
import sys
import tempfile

import numpy as np
import pytest
import torch

from backbone.errors import CheckpointError
from backbone.runtime.network_file import read_network, write_network
from backbone.runtime.prepared_files import (
    MOST_KEPT,
    cache_folder,
    find_prepared,
    is_prepared,
    keep_prepared,
)
from backbone.runtime.processor import has_bf16_units
from backbone.runtime.runner import Backend
from backbone.runtime.self_check import probe_crops
from backbone.weights.known_files import CHECKPOINT_FOLDER, MOBILEFACENET_RECORD
from backbone.weights.loading import load_weights
from tests.helpers.networks.checkpoints import write_ir50_checkpoint

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backend():
    return Backend.build(
        load_weights(CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name), CPU, "fp32"
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FACE_GROUPING_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.mark.parametrize(
    ("name", "precision"), [("bundled", "fp32"), ("bundled", "bf16"), ("IR-50", "bf16")]
)
def test_a_network_from_its_file_gives_the_same_to_the_bit(name, precision, tmp_path):
    if precision == "bf16" and not has_bf16_units():
        pytest.skip("the CPU has no bfloat16 units")
    bundled = CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name
    path = bundled if name == "bundled" else write_ir50_checkpoint(tmp_path / "ir50.pth")
    backend = Backend.build(load_weights(path), CPU, precision)
    with tempfile.TemporaryFile() as file:
        write_network(file, backend.network, {"a": 1})
        stored = read_network(file)
    again = Backend(stored.network, backend.record, CPU, precision)
    np.testing.assert_array_equal(again(probe_crops()), backend(probe_crops()))
    assert stored.notes == {"a": 1}


def test_what_is_kept_is_private_and_found_by_its_key(backend, folder):
    assert not is_prepared("key")
    assert keep_prepared("key", backend.network, {"b": 2})
    assert is_prepared("key")
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert find_prepared("key").notes == {"b": 2}
    assert find_prepared("other key") is None


def test_a_damaged_file_is_refused_and_removed(backend, folder):
    assert keep_prepared("key", backend.network, {})
    (path,) = folder.iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert find_prepared("key") is None
    assert not path.exists()


def test_neither_links_nor_pipes_are_read(backend, folder, tmp_path):
    assert keep_prepared("key", backend.network, {})
    (path,) = folder.iterdir()
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    assert find_prepared("key") is None
    path.unlink()
    os.mkfifo(path)
    assert find_prepared("key") is None


def test_the_networks_used_last_are_kept(backend, folder):
    for number in range(MOST_KEPT + 2):
        assert keep_prepared(f"key {number}", backend.network, {})
        os.utime(folder / f"key {number}.network", (number, number))
    assert {path.stem for path in folder.iterdir()} == {f"key {n}" for n in (2, 3, 4)}


def test_without_a_folder_nothing_is_kept(backend, monkeypatch, tmp_path):
    monkeypatch.setenv("FACE_GROUPING_CACHE", "")
    assert not keep_prepared("key", backend.network, {})
    (tmp_path / "file").touch()
    monkeypatch.setenv("FACE_GROUPING_CACHE", str(tmp_path / "file"))
    assert not keep_prepared("key", backend.network, {})
    assert find_prepared("key") is None


@pytest.mark.skipif(sys.platform != "linux", reason="the folder is another")
def test_the_usual_folder_lies_in_a_home_that_is_there(monkeypatch, tmp_path):
    monkeypatch.delenv("FACE_GROUPING_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    assert cache_folder() is None
    assert not (tmp_path / "none").exists()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "photo-album-face-grouping"


@pytest.mark.parametrize("content", [b"", b"x", b"facenet1" + os.urandom(300)])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with path.open("rb") as file, pytest.raises(CheckpointError):
        read_network(file)
