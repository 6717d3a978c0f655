from __future__ import annotations

import pytest
import torch

from backbone.networks.ir50 import ir50
from backbone.weights.known_files import IR50_RECORD
from tests.helpers.networks.checkpoints import write_ir50_checkpoint

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def published_keys() -> set[str]:
    """The keys of ``backbone_ir50_ms1m_epoch120.pth``, from face.evoLVe's definition."""
    keys = {"input_layer.0.weight", "input_layer.2.weight"}
    keys |= {f"input_layer.1.{name}" for name in NORM}
    for unit in range(24):
        prefix = f"body.{unit}"
        if unit in (3, 7, 21):  # the first unit of a wider stage has a convolution to widen
            keys |= {f"{prefix}.shortcut_layer.0.weight"}
            keys |= {f"{prefix}.shortcut_layer.1.{name}" for name in NORM}
        keys |= {f"{prefix}.res_layer.{i}.weight" for i in (1, 2, 3)}
        keys |= {f"{prefix}.res_layer.{i}.{name}" for i in (0, 4) for name in NORM}
    keys |= {f"output_layer.{i}.{name}" for i in (0, 4) for name in NORM}
    return keys | {"output_layer.3.weight", "output_layer.3.bias"}


def test_keys_are_those_of_the_published_file():
    assert set(ir50().state_dict()) == published_keys()


def test_shapes_at_the_ends():
    state = ir50().state_dict()
    assert state["input_layer.0.weight"].shape == (64, 3, 3, 3)
    assert state["body.23.res_layer.3.weight"].shape == (512, 512, 3, 3)
    assert state["output_layer.3.weight"].shape == (512, 512 * 7 * 7)


def test_parameter_count_is_the_published_one():
    assert sum(p.numel() for p in ir50().parameters()) == 43_574_976


def test_legacy_file_has_the_published_size(tmp_path):
    path = write_ir50_checkpoint(tmp_path / "ir50.pth", legacy=True)
    assert path.stat().st_size == pytest.approx(174_472_765, rel=1e-4)
    assert IR50_RECORD.size == 174_472_765


def test_cost_of_a_face_is_the_published_one():
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        ir50().eval()(torch.empty(1, 3, 112, 112))
    assert counter.get_total_flops() == pytest.approx(12.6e9, rel=0.01)
