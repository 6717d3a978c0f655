"""What is known about weight files, and which one is taken."""

from __future__ import annotations

import hashlib

import pytest

from backbone.errors import CheckpointError
from backbone.weights.known_files import (
    CHECKPOINT_FOLDER,
    CHECKPOINT_VARIABLE,
    IR50_RECORD,
    MOBILEFACENET_RECORD,
    RECORDS,
    default_checkpoint,
)
from backbone.weights.loading import load_weights

BUNDLED = CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name


def test_bundled_file_is_the_one_on_record():
    assert BUNDLED.stat().st_size == MOBILEFACENET_RECORD.size
    digest = hashlib.sha256(BUNDLED.read_bytes()).hexdigest()
    assert digest == MOBILEFACENET_RECORD.sha256


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.architecture)
def test_readme_tells_what_the_records_tell(record):
    readme = (CHECKPOINT_FOLDER / "README.md").read_text()
    assert record.file_name in readme
    assert str(record.sha256) in readme
    assert f"{record.size:,}" in readme


def test_default_is_ir50_where_it_lies_there_else_the_bundled_file(tmp_path):
    clone, installed = tmp_path / "clone", tmp_path / "installed"
    for folder in (clone, installed):
        folder.mkdir()
    (installed / MOBILEFACENET_RECORD.file_name).touch()
    assert default_checkpoint((clone, installed)) == installed / MOBILEFACENET_RECORD.file_name
    (clone / MOBILEFACENET_RECORD.file_name).touch()
    assert default_checkpoint((clone, installed)) == clone / MOBILEFACENET_RECORD.file_name
    (installed / IR50_RECORD.file_name).touch()
    assert default_checkpoint((clone, installed)) == installed / IR50_RECORD.file_name


def test_without_a_file_the_error_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        default_checkpoint((tmp_path / "clone", tmp_path / "installed"))
    for part in (tmp_path / "clone", tmp_path / "installed", CHECKPOINT_VARIABLE, "--checkpoint"):
        assert str(part) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_environment_may_name_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv(CHECKPOINT_VARIABLE, str(tmp_path / "mine.pth"))
    with pytest.raises(CheckpointError, match=f"{CHECKPOINT_VARIABLE} is .*mine.pth"):
        default_checkpoint()
    (tmp_path / "mine.pth").touch()
    assert default_checkpoint() == tmp_path / "mine.pth"


@pytest.mark.parametrize(
    "bad", [{"channel_order": "GBR"}, {"scale": 0.0}, {"scale": float("nan")}, {"mean": 1e999}]
)
def test_preprocessing_out_of_range(bad):
    with pytest.raises(CheckpointError, match="must be"):
        load_weights(BUNDLED, **bad)
