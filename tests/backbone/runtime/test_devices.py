from __future__ import annotations

import pytest
import torch

from backbone.errors import DeviceError
from backbone.runtime.devices import (
    precisions_to_try,
    resolve_device,
)
from backbone.runtime.processor import CPU_INFO, has_bf16_units

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


@pytest.mark.parametrize("name", ["quantum", "", "cpu:x", "xla", "cuda:99"])
def test_device_that_is_not_there(name):
    with pytest.raises(DeviceError, match="use"):
        resolve_device(name)


def test_auto_is_the_cpu_where_there_is_nothing_else():
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("this machine has a GPU")
    assert resolve_device("auto") == resolve_device("cpu") == CPU


@pytest.mark.skipif(not CPU_INFO.exists(), reason="needs /proc/cpuinfo")
def test_bf16_units_as_torch_sees_them():
    sees = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    if sees is None:
        pytest.skip("this torch does not tell")
    assert has_bf16_units() == (sees() or torch.cpu._is_amx_tile_supported())


@pytest.mark.parametrize(
    ("wanted", "device", "reason"),
    [
        ("fp16", CPU, "needs a GPU"),
        ("bf16", MPS, "not supported on MPS"),
        ("int8", CPU, "must be auto, fp32, bf16 or fp16"),
    ],
)
def test_precision_that_cannot_be_had(wanted, device, reason):
    with pytest.raises(DeviceError, match=reason):
        precisions_to_try(wanted, device)


def test_precision_asked_for_is_the_only_one():
    assert precisions_to_try("fp32", CUDA) == ["fp32"]
    assert precisions_to_try("fp16", CUDA) == ["fp16"]


@pytest.mark.parametrize("device", [CPU, MPS])
def test_auto_ends_with_fp32(device):
    assert precisions_to_try("auto", device)[-1] == "fp32"
