"""What limits a face network on this machine: its layers beside the measured peaks.

    python -m tests.benchmarks bench_layers [CHECKPOINT] [--precision bf16] [--batch 8]

Peaks, on the same threads: multiply-adds of the better of a large matrix product and of a wide
convolution by oneDNN, bytes a second of copying 256 MiB. A layer moves its input, output and
weights once, at the least. *At best* is the longer of the two times that follow: where it is far
below *ms*, neither arithmetic nor memory is what limits the layer. Layers of one kind and size are
one row. Without a checkpoint IR-50 runs with random weights.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from backbone.networks.onednn import OneDnnConv
from backbone.runtime.devices import PRECISIONS
from backbone.runtime.memory import keep_freed_memory
from backbone.runtime.runner import Backend
from backbone.weights.loading import load_weights
from tests.benchmarks.networks.bench_embedding import best, peak
from tests.helpers.networks.checkpoints import write_ir50_checkpoint

CPU = torch.device("cpu")
COPIED = 2**28  # bytes
WIDE = (32, 512, 28, 28)  # input of the convolution that the peak is measured with


@dataclass
class Row:
    """All layers of one kind and size.

    Attributes:
        count, flops, moved, seconds: of all of them together; bytes are what is moved.
    """

    count: int = 0
    flops: float = 0.0
    moved: float = 0.0
    seconds: float = 0.0


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    flops = max(peak(CPU, options.precision, options.seconds), wide(options))
    copied = torch.zeros(COPIED, dtype=torch.uint8)
    target = torch.empty_like(copied)
    bandwidth = 2 * COPIED / best(lambda: target.copy_(copied), CPU, options.seconds)
    print(f"torch {torch.__version__}, {options.threads} thread(s), {options.precision}")
    print(f"peak {flops / 1e9:,.0f} GFLOP/s, {bandwidth / 1e9:.1f} GB/s\n")
    network = network_of(options)
    x = torch.rand(options.batch, 3, 112, 112).to(PRECISIONS[options.precision])
    x = x.contiguous(memory_format=torch.channels_last)
    whole = best(partial(network, x), CPU, options.seconds)
    print("| layers | output | how many | ms | GFLOP/s | of peak | GB/s | at best, ms |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    rows = measured(network, x, options.passes)
    for (kind, shape), row in rows.items():
        print(line(kind, shape, row, flops, bandwidth))
    total = Row(sum(r.count for r in rows.values()), sum(r.flops for r in rows.values()))
    total.moved, total.seconds = sum(r.moved for r in rows.values()), whole
    print(line("all, in one call", f"{options.batch} faces", total, flops, bandwidth))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    parser.add_argument("--batch", type=int, default=8, help="faces in one pass")
    parser.add_argument("--threads", type=int, default=1, help="a worker process has one")
    parser.add_argument("--seconds", type=float, default=2.0, help="time spent on each peak")
    parser.add_argument("--passes", type=int, default=10, help="the best of so many counts")
    return parser.parse_args()


def network_of(options: argparse.Namespace) -> nn.Module:
    """The network as the product runs it."""
    with tempfile.TemporaryDirectory() as folder:
        path = options.checkpoint or write_ir50_checkpoint(Path(folder) / "random.pth")
        return Backend.build(load_weights(path), CPU, options.precision).network


def wide(options: argparse.Namespace) -> float:
    """FLOP/s of a wide 3x3 convolution, by oneDNN."""
    channels = WIDE[1]
    x, weight = (
        torch.rand(size).to(PRECISIONS[options.precision], memory_format=torch.channels_last)
        for size in (WIDE, (channels, channels, 3, 3))
    )
    conv = partial(torch.mkldnn_convolution, x, weight, None, [1, 1], [1, 1], [1, 1], 1)
    return 2 * x.numel() * channels * 9 / best(conv, CPU, options.seconds)


def measured(network: nn.Module, x: Tensor, passes: int) -> dict[tuple[str, str], Row]:
    """Rows of all layers in the order they run in; of each layer the shortest time counts."""
    taken: dict[nn.Module, list[float]] = {}
    rows: dict[tuple[str, str], Row] = {}
    with torch.inference_mode():
        for number in range(passes + 1):
            with timed_layers(network, taken, rows if number == passes else None):
                network(x)
    return rows


@contextmanager
def timed_layers(
    network: nn.Module, taken: dict[nn.Module, list[float]], rows: dict | None
) -> Iterator[None]:
    """Note the seconds of each layer; fill rows in too where they are given."""

    def before(layer: nn.Module, inputs: tuple[Tensor]) -> None:
        taken.setdefault(layer, []).append(-time.perf_counter())

    def after(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        taken[layer][-1] += time.perf_counter()
        if rows is not None:
            shape = "x".join(str(side) for side in output.shape[1:])
            row = rows.setdefault((type(layer).__name__, shape), Row())
            row.count += 1
            row.flops += flops_of(layer, output)
            row.moved += moved_by(layer, inputs[0], output)
            row.seconds += min(taken[layer])

    leaves = [m for m in network.modules() if not list(m.children())]
    handles = [m.register_forward_pre_hook(before) for m in leaves]
    handles += [m.register_forward_hook(after) for m in leaves]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def flops_of(layer: nn.Module, output: Tensor) -> float:
    """Multiply-adds of a convolution or dense layer, each counted as two; 0 for others."""
    if isinstance(layer, OneDnnConv | nn.Linear):
        return 2.0 * output.numel() * layer.weight[0].numel()
    return 0.0


def moved_by(layer: nn.Module, x: Tensor, output: Tensor) -> float:
    """Bytes of input, output and weights."""
    weights = sum(p.numel() * p.element_size() for p in layer.parameters())
    return float(x.nbytes + output.nbytes + weights)


def line(kind: str, shape: str, row: Row, flops: float, bandwidth: float) -> str:
    """One line of the table."""
    at_best = max(row.flops / flops, row.moved / bandwidth)
    cells = (
        f"{row.seconds * 1e3:.2f}",
        f"{row.flops / row.seconds / 1e9:,.0f}",
        f"{row.flops / row.seconds / flops:.0%}",
        f"{row.moved / row.seconds / 1e9:.1f}",
        f"{at_best * 1e3:.2f}",
    )
    return f"| {kind} | {shape} | {row.count} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
