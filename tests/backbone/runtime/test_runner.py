from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from backbone.errors import DeviceError
from backbone.runtime.processor import has_bf16_units
from backbone.runtime.runner import Backend, Runner, choose_backend, even_batches
from backbone.runtime.self_check import cosines, probe_crops, sample_crops
from backbone.weights.known_files import CHECKPOINT_FOLDER, IR50_RECORD, MOBILEFACENET_RECORD
from backbone.weights.loading import load_weights
from tests.helpers.networks.checkpoints import write_ir50_checkpoint
from tests.helpers.networks.network_reference import forward, unit

BUNDLED = CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name
CPU = torch.device("cpu")

needs_bf16 = pytest.mark.skipif(not has_bf16_units(), reason="the CPU has no bfloat16 units")
needs_no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")


@pytest.fixture(scope="module")
def bundled():
    return load_weights(BUNDLED)


@pytest.fixture(scope="module")
def ir50(tmp_path_factory):
    return load_weights(write_ir50_checkpoint(tmp_path_factory.mktemp("ir50") / "ir50.pth"))


@pytest.fixture(scope="module")
def ir50_exact(ir50):
    return Backend.build(ir50, CPU, "fp32")


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 112, 112, 3), np.uint8)


class Greedy(nn.Module):
    """Asks torch for more memory than any machine has as soon as a batch exceeds ``most``."""

    def __init__(self, inner: nn.Module, most: int) -> None:
        super().__init__()
        self.inner, self.most = inner, most
        self.sizes: list[int] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.most:
            torch.empty(1 << 60, dtype=torch.uint8)
        self.sizes.append(len(x))
        return self.inner(x)


def greedy_runner(bundled, most: int) -> Runner:
    runner = Runner(bundled, device="cpu", batch_size=8)
    runner._backend = replace(runner._backend, network=Greedy(runner._backend.network, most))
    return runner


def test_runner_equals_an_independent_forward_pass_and_preprocessing(bundled):
    crops = sample_crops()
    bgr = torch.from_numpy(crops[..., ::-1].copy()).permute(0, 3, 1, 2).double()
    expected = forward("MobileFaceNet", bundled.module.state_dict(), (bgr - 127.5) / 128)
    got = Runner(bundled, device="cpu", precision="fp32")(crops)
    assert got.dtype == np.float32
    assert np.abs(got - expected.numpy()).max() < 1e-4


def test_ir50_layout_runs_on_rgb_scaled_by_half_the_range(ir50, ir50_exact):
    crops = sample_crops()[:1]
    rgb = torch.from_numpy(crops).permute(0, 3, 1, 2).double()
    expected = forward("IR-50", ir50.module.state_dict(), (rgb - 127.5) / 127.5)
    assert (unit(ir50_exact(crops)) - unit(expected)).abs().max() < 1e-5


@pytest.mark.parametrize("n", [0, 1, 8, 9, 19])
def test_rows_do_not_depend_on_their_batch(bundled, n):
    runner = Runner(bundled, device="cpu")
    crops = noise(n)
    together = runner(crops)
    assert together.shape == (n, 512)
    alone = np.concatenate([np.zeros((0, 512), np.float32), *(runner(c[None]) for c in crops)])
    assert np.abs(together - alone).max(initial=0) < 1e-5


@pytest.mark.parametrize(("n", "sizes"), [(1, [1]), (8, [8]), (9, [5, 4]), (17, [6, 6, 5])])
def test_batches_are_few_and_even(n, sizes):
    assert [len(batch) for batch in even_batches(noise(n), 8)] == sizes


def test_batch_that_does_not_fit_is_halved(bundled, caplog):
    runner = greedy_runner(bundled, most=3)
    crops = noise(11)
    expected = Runner(bundled, device="cpu")(crops)
    with caplog.at_level(logging.WARNING):
        assert np.abs(runner(crops) - expected).max() < 1e-5
    assert "out of memory with 6 faces at once; going on with 3" in caplog.text
    assert runner.batch_size == 3
    caplog.clear()
    runner(crops)
    assert not caplog.text


def test_single_face_that_does_not_fit_is_reported(bundled):
    with pytest.raises(DeviceError, match="out of memory on cpu with a single face"):
        greedy_runner(bundled, most=0)(noise(2))


@needs_no_gpu
@pytest.mark.parametrize("allowed", [True, False])
def test_device_that_is_missing(bundled, allowed, caplog):
    if not allowed:
        with pytest.raises(DeviceError, match="no device 'cuda'; use --device cpu"):
            Runner(bundled, device="cuda")
        return
    assert Runner(bundled, device="cuda", allow_cpu_fallback=True).device == "cpu"
    assert "going on on the CPU" in caplog.text


@needs_no_gpu
@pytest.mark.parametrize("allowed", [True, False])
def test_device_that_disappears(bundled, allowed, caplog):
    """The runner believes it is on CUDA; the real call then fails as it would there."""
    runner = Runner(bundled, device="cpu", allow_cpu_fallback=allowed)
    expected = runner(sample_crops())
    runner._backend = replace(runner._backend, device=torch.device("cuda"))
    if not allowed:
        with pytest.raises(DeviceError, match=r"cuda failed .* or allow the CPU in its place"):
            runner(sample_crops())
        return
    assert np.abs(runner(sample_crops()) - expected).max() < 1e-5
    assert runner.device == "cpu"
    assert "going on on the CPU" in caplog.text


@pytest.mark.parametrize("size", [0, -3])
def test_batch_size_out_of_range(bundled, size):
    with pytest.raises(DeviceError, match="at least 1"):
        Runner(bundled, device="cpu", batch_size=size)


def test_auto_never_takes_a_precision_measured_to_be_inexact(bundled):
    assert "bf16" in bundled.record.inexact
    assert choose_backend(bundled, CPU, "auto").precision == "fp32"


@needs_bf16
def test_auto_tries_an_unknown_network_on_the_probes(bundled, ir50):
    """The bundled network, as if nothing were known of it, is found out."""
    unknown = replace(bundled, record=replace(bundled.record, inexact=frozenset()))
    assert choose_backend(unknown, CPU, "auto").precision == "fp32"
    assert choose_backend(ir50, CPU, "auto").precision == "bf16"


@needs_bf16
def test_bf16_ir50_gives_every_face_the_direction_of_fp32(ir50, ir50_exact):
    crops = noise(4)
    fast = Backend.build(ir50, CPU, "bf16")(crops).numpy()
    assert cosines(fast, ir50_exact(crops).numpy()).min() >= 0.999


def memory(field: str) -> int:
    """Bytes of this process, from the kernel: ``VmRSS`` now, ``VmHWM`` at most so far."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's /proc")
def test_peak_memory_beyond_the_weights(ir50_exact):
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
    ir50_exact(noise(IR50_RECORD.cpu_batch))
    assert memory("VmHWM") - before <= 300e6


def test_unknown_file_that_cannot_tell_strangers_apart_is_warned_of(ir50, caplog):
    Runner(ir50, device="cpu", precision="fp32")
    assert "two different people have cosine similarity" in caplog.text


def test_known_file_is_not_warned_of(bundled, caplog):
    Runner(bundled, device="cpu")
    assert not caplog.text


def test_wrong_pixel_range_is_warned_of(tmp_path, caplog):
    path = Path(tmp_path / "mine.pth")
    path.write_bytes(BUNDLED.read_bytes() + b" ")
    Runner(load_weights(path, mean=0.0, scale=1e6), device="cpu")
    assert "its preprocessing is not the one used" in caplog.text


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_gpu_gives_the_directions_of_the_cpu(bundled, ir50, precision):
    for loaded, least in ((bundled, 0.997), (ir50, 0.999)):
        exact = Runner(loaded, device="cpu", precision="fp32")(probe_crops())
        fast = Runner(loaded, device="cuda", precision=precision)(probe_crops())
        assert cosines(fast, exact).min() >= least


@pytest.mark.gpu
def test_gpu_auto_is_half_precision_and_exact_enough(bundled):
    runner = Runner(bundled, device="auto")
    assert runner.device.startswith("cuda")
    assert runner.precision == "fp16"
    exact = Runner(bundled, device="cpu", precision="fp32")(noise(300))
    assert cosines(runner(noise(300)), exact).min() >= 0.999
