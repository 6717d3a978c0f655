from __future__ import annotations

import hashlib
import logging
import shutil

import pytest
import torch

from backbone.errors import CheckpointError
from backbone.weights.known_files import CHECKPOINT_FOLDER, IR50_RECORD, MOBILEFACENET_RECORD
from backbone.weights.loading import load_weights
from tests.helpers.networks.checkpoints import random_network, write_ir50_checkpoint

BUNDLED = CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name


@pytest.mark.parametrize("legacy", [True, False])
def test_file_of_the_ir50_layout_under_the_published_name_reports_its_digest(
    tmp_path, caplog, legacy
):
    path = write_ir50_checkpoint(tmp_path / IR50_RECORD.file_name, legacy=legacy)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with caplog.at_level(logging.WARNING):
        loaded = load_weights(path)
    assert loaded.sha256 == digest
    assert digest in caplog.text
    assert loaded.record.architecture == "IR-50"
    assert loaded.record.preprocessing.channel_order == "RGB"
    assert sum(p.numel() for p in loaded.module.parameters()) == 43_574_976
    assert not loaded.module.training


def test_half_precision_file_with_prefixes_gives_the_same_network(tmp_path):
    network = random_network("iresnet18")
    state = {f"module.{k}": v.half() if v.ndim else v for k, v in network.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "half.pth")
    loaded = load_weights(tmp_path / "half.pth")
    assert loaded.record.architecture == "iresnet18"
    x = torch.rand(1, 3, 112, 112) * 2 - 1
    with torch.inference_mode():
        similarity = torch.cosine_similarity(loaded.module(x), network(x))
    assert similarity.item() > 0.999


def test_another_file_under_the_bundled_name_is_refused(tmp_path):
    path = tmp_path / BUNDLED.name
    torch.save({"w": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="damaged or another one"):
        load_weights(path)


def test_wrong_architecture_names_the_file_and_the_nearest(tmp_path):
    path = tmp_path / "resnet.pth"
    torch.save({"conv1.weight": torch.zeros(64, 3, 7, 7)}, path)
    with pytest.raises(CheckpointError, match=r"resnet\.pth: not a network known here; nearest is"):
        load_weights(path)


def test_not_a_number_weights_name_the_file_and_the_tensor(tmp_path):
    state = torch.load(BUNDLED, weights_only=True)
    state["head.conv.bias"][3] = float("nan")
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(CheckpointError, match=r"nan\.pth: weights of head\.conv\.bias"):
        load_weights(tmp_path / "nan.pth")


def test_preprocessing_can_be_given(tmp_path):
    path = shutil.copy(BUNDLED, tmp_path / "mine.pth")
    usual = load_weights(path).record.preprocessing
    assert (usual.channel_order, usual.mean, usual.scale) == ("BGR", 127.5, 128.0)
    given = load_weights(path, channel_order="RGB", mean=0.0, scale=255.0).record.preprocessing
    assert (given.channel_order, given.mean, given.scale) == ("RGB", 0.0, 255.0)
