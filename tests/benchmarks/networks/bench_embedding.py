"""Faces a second of the face networks, beside the machine's measured peak.

    python -m tests.benchmarks bench_embedding [--device cpu] [--threads N] [--seconds 2]

The peak is that of a large matrix product in the same run; the base line is the plain float32
module fed one face at a time. A share above 100 % says that the library behind the matrix
product does not know this processor as well as oneDNN, which runs the convolutions. IR-50 runs
with random weights unless its file is in checkpoint/. A row's time includes preprocessing of
uint8 crops. Prints a Markdown table, then the time from starting Python to the first embedding.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from backbone.runtime.devices import PRECISIONS, resolve_device
from backbone.runtime.memory import keep_freed_memory
from backbone.runtime.processor import has_bf16_units
from backbone.runtime.runner import Backend, choose_backend
from backbone.weights.known_files import (
    CHECKPOINT_FOLDER,
    IR50_RECORD,
    MOBILEFACENET_RECORD,
)
from backbone.weights.loading import LoadedWeights, load_weights
from tests.helpers.networks.checkpoints import write_ir50_checkpoint
from tests.helpers.paths import ROOT

MATRIX_SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}
BATCHES = {"cpu": (1, 4, 8, 32), "cuda": (1, 8, 32, 128), "mps": (1, 8, 32)}
FIRST_FACE = (
    "import numpy as np; from grouping.config import EmbeddingSettings; "
    "from grouping.faces.embedding.embedder import load_embedder; embed = "
    "load_embedder(EmbeddingSettings(device='cpu')); "
    "embed(np.zeros((1, 112, 112, 3), np.uint8) + 99)"
)


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds", type=float, default=2.0, help="time spent on each row")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()  # as the worker processes of a run do
    device = resolve_device(arguments.device)
    precisions = available_precisions(device)
    peaks = {name: peak(device, name, arguments.seconds) for name in precisions}
    where = f"{arguments.threads} threads" if device.type == "cpu" else ""
    print(f"device {device} {where} torch {torch.__version__}")
    for name, flops in peaks.items():
        print(f"matrix product {name}: {flops / 1e9:,.0f} GFLOP/s")
    print("\n| network | how | batch | faces/s | GFLOP/s | of peak | times plain |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for loaded in networks():
        for row in rows(loaded, device, peaks, arguments.seconds):
            print(row, flush=True)
    print(f"\nstart of Python to the first embedding: {first_face_seconds():.1f} s")


def networks() -> Iterator[LoadedWeights]:
    """IR-50, from its file or with random weights, then MobileFaceNet."""
    published = CHECKPOINT_FOLDER / IR50_RECORD.file_name
    if published.exists():
        yield load_weights(published)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield load_weights(write_ir50_checkpoint(Path(folder) / "random.pth"))
    yield load_weights(CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name)


def available_precisions(device: torch.device) -> list[str]:
    """Precisions that the device computes in hardware."""
    if device.type == "cpu":
        return ["fp32", "bf16"] if has_bf16_units() else ["fp32"]
    return ["fp32", "fp16", "bf16"] if device.type == "cuda" else ["fp32", "fp16"]


def rows(
    loaded: LoadedWeights, device: torch.device, peaks: dict[str, float], seconds: float
) -> Iterator[str]:
    """One line of the table for the plain module and for every precision and batch."""
    name, cost = loaded.record.architecture, flops_a_face(loaded)
    chosen = choose_backend(loaded, device, "auto").precision
    plain = plain_rate(loaded, device, seconds)
    yield row(name, "plain fp32", 1, plain, cost, peaks["fp32"], plain)
    for precision, flops in peaks.items():
        backend = Backend.build(loaded, device, precision)
        how = precision + (" (auto)" if precision == chosen else "")
        for batch in BATCHES[device.type]:
            crops = random_crops(batch)
            rate = batch / best(partial(backend, crops), device, seconds)
            yield row(name, how, batch, rate, cost, flops, plain)


def row(
    name: str, how: str, batch: int, rate: float, cost: float, peak_flops: float, plain: float
) -> str:
    """One line of the table; ``rate`` and ``plain`` in faces a second, ``cost`` in FLOP."""
    cells = (
        f"{rate:,.1f}",
        f"{rate * cost / 1e9:,.0f}",
        f"{rate * cost / peak_flops:.0%}",
        f"{rate / plain:.1f}",
    )
    return f"| {name} | {how} | {batch} | " + " | ".join(cells) + " |"


def plain_rate(loaded: LoadedWeights, device: torch.device, seconds: float) -> float:
    """Faces a second of the module as it is, one at a time, without preprocessing."""
    module = loaded.module.to(device)
    x = torch.rand(1, 3, 112, 112, device=device) * 2 - 1
    rate = 1 / best(lambda: module(x), device, seconds)
    loaded.module.to("cpu")
    return rate


def flops_a_face(loaded: LoadedWeights) -> float:
    """Floating point operations of the plain module, a multiply-add counted as two."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        loaded.module(torch.zeros(1, 3, 112, 112))
    return float(counter.get_total_flops())


def peak(device: torch.device, precision: str, seconds: float) -> float:
    """FLOP/s of a large square matrix product."""
    side = MATRIX_SIDE[device.type]
    a, b = (torch.rand(side, side, device=device).to(PRECISIONS[precision]) for _ in range(2))
    return 2 * side**3 / best(lambda: a @ b, device, seconds)


def best(call: Callable[[], object], device: torch.device, seconds: float) -> float:
    """The shortest of the times that fit into ``seconds``, at least five, after one to warm up."""
    times: list[float] = []
    with torch.inference_mode():
        call()
        while len(times) < 5 or sum(times) < seconds:
            synchronize(device)
            start = time.perf_counter()
            call()
            synchronize(device)
            times.append(time.perf_counter() - start)
    return min(times)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def random_crops(n: int) -> np.ndarray:
    """(n, 112, 112, 3) uint8."""
    return np.random.default_rng(0).integers(0, 256, (n, 112, 112, 3), np.uint8)


def first_face_seconds() -> float:
    """From starting Python to the first embedding with the default network, best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", FIRST_FACE], cwd=ROOT, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
