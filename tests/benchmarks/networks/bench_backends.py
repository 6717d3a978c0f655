"""torch as the product runs it beside OpenVINO and ONNX Runtime, for each of its networks.

    python -m tests.benchmarks bench_backends                       # what is installed
    python -m tests.benchmarks bench_backends --photos FOLDER --checkpoint FILE ...
    ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 python -m ...               # torch and OpenVINO without AMX

OpenVINO and ONNX Runtime are no requirements of the product: ``pip install openvino onnxruntime
onnx`` for their rows; without them the others are printed, and what is missing is said.

Inputs are real: faces of the photos, and what the cascade shows its networks while it searches
them. int8 is calibrated on every second of them, agreement is measured on the rest: the lowest and
the mean cosine to float32 of an embedding, or the largest change of a face probability. All take
turns on the same input for ``--rounds`` rounds; the shortest time of each counts. Face networks are
a folded torch module in all rows, MTCNN is facenet-pytorch's own in the rows of the others. IR-50
has random weights unless its file is given: its cosines say little then.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from backbone.networks.folding import ResidualNetwork, fold
from backbone.runtime.memory import keep_freed_memory
from backbone.runtime.processor import has_bf16_units
from backbone.runtime.runner import Backend, choose_backend
from backbone.runtime.self_check import cosines
from backbone.weights.known_files import CHECKPOINT_FOLDER, MOBILEFACENET_RECORD
from backbone.weights.loading import load_weights
from backbone.weights.mtcnn_files import load_mtcnn
from grouping.config import DetectionSettings, EmbeddingSettings
from grouping.faces.loading import load_analyser
from tests.benchmarks.networks.other_backends import (
    Float32,
    Run,
    missing_packages,
    onnx_runtime,
    open_vino,
    quantised,
    write_onnx,
)
from tests.helpers.networks.checkpoints import write_ir50_checkpoint
from tests.helpers.networks.facenet_reference import load_facenet_mtcnn
from tests.helpers.paths import PHOTOS

CPU = torch.device("cpu")
FACES = 64  # looked at for the agreement, and as many to calibrate on
FACE_BATCHES = (1, 8)
CANDIDATES = 128, 32  # of R-Net and O-Net at once, as the cascade has them


@dataclass
class Case:
    """One network with its input, and everything that can run it."""

    name: str
    x: Float32  # (n, 3, h, w), what is timed
    plain: nn.Module  # float32, what the others are given
    calibration: list[Float32]
    agreement: Callable[[Run], str]
    product: str  # the way that the product takes
    ways: dict[str, Run] = field(default_factory=dict)


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    missing = missing_packages()
    print(f"torch {torch.__version__}, {options.threads} thread(s)")
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}")
    photos = [p for p in sorted(options.photos.iterdir()) if p.suffix.lower() in {".jpg", ".png"}]
    crops, seen = real_inputs(photos[: options.limit])
    print(f"{len(crops)} faces of {len(photos[: options.limit])} photos\n")
    if len(crops) < 2:
        raise SystemExit("two faces are needed, to calibrate on and to measure: more photos")
    print("| network | input | how | ms | times the product | agreement |")
    print("| --- | --- | --- | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for case in chain(face_cases(options.checkpoint, crops, Path(folder)), mtcnn_cases(seen)):
            if not missing:
                add_others(case, Path(folder), options.threads)
            for row in rows(case, options.rounds):
                print(row, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--limit", type=int, default=60, help="photos looked at")
    parser.add_argument("--checkpoint", type=Path, nargs="*", default=[], help="further networks")
    parser.add_argument("--threads", type=int, default=1, help="a worker process has one")
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


# Inputs


def real_inputs(photos: Iterable[Path]) -> tuple[np.ndarray, dict[str, list[Float32]]]:
    """Faces (n, 112, 112, 3) uint8, and what each network of MTCNN was shown: (n, h, w, 3)."""
    analyser = load_analyser(DetectionSettings(), EmbeddingSettings(device="cpu"))
    seen: dict[str, list[Float32]] = {"PNet": [], "RNet": [], "ONet": []}
    run = analyser.detector._run

    def recorded(network: nn.Module, x: Float32, *extents: Any) -> list[Float32]:
        if len(x):
            seen[type(network).__name__].append(x.copy())
        return run(network, x, *extents)

    setattr(analyser.detector, "_run", recorded)  # noqa: B010 - mypy allows no other way
    found = [analyser([photo.read_bytes()])[0].crops for photo in photos]
    return np.concatenate([crops for crops in found if crops is not None]), seen


def planar(x: Float32) -> Float32:
    """(n, h, w, 3) as (n, 3, h, w) in that order in memory."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2))


# Face networks


def face_cases(files: list[Path], crops: np.ndarray, folder: Path) -> Iterable[Case]:
    given = [CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name, *files]
    random = write_ir50_checkpoint(folder / "IR-50 random.pth")
    for path in [*given, random]:
        loaded = load_weights(path)
        plain = fold(cast(ResidualNetwork, loaded.module), loaded.record.input_size)
        exact = Backend.build(loaded, CPU, "fp32")
        x = exact._prepare(crops).numpy()
        check = x[1::2][:FACES]
        right = torch_run(exact.network, torch.float32)(check)[0]
        for batch in FACE_BATCHES:
            case = Case(
                f"{loaded.record.architecture}{' random' if path == random else ''}",
                np.ascontiguousarray(np.resize(check, (batch, *check.shape[1:]))),
                plain,
                [np.ascontiguousarray(part) for part in x[::2][:FACES, None]],
                partial(cosine_agreement, check=check, right=right),
                f"torch {choose_backend(loaded, CPU, 'auto').precision}",
            )
            case.ways["torch fp32"] = torch_run(exact.network, torch.float32)
            if has_bf16_units():
                rough = Backend.build(loaded, CPU, "bf16")
                case.ways["torch bf16"] = torch_run(rough.network, torch.bfloat16)
            yield case


def torch_run(network: nn.Module, dtype: torch.dtype, *extents: Any) -> Run:
    def run(x: Float32) -> list[Float32]:
        with torch.inference_mode():
            given = torch.from_numpy(x).to(dtype, memory_format=torch.channels_last)
            found = network(given, *extents)
        return [out.float().numpy() for out in (found if isinstance(found, tuple) else (found,))]

    return run


def cosine_agreement(run: Run, check: Float32, right: Float32) -> str:
    got = np.concatenate([run(np.ascontiguousarray(x))[0].copy() for x in check[:, None]])
    cosine = cosines(got, right)
    return f"cosine {cosine.min():.5f}, mean {cosine.mean():.5f}"


# MTCNN


def mtcnn_cases(seen: dict[str, list[Float32]]) -> Iterable[Case]:
    ours, usual = load_mtcnn(), load_facenet_mtcnn()
    windows = np.concatenate([x for x in seen["PNet"] if x.shape[1] == x.shape[2]])
    strips = max((x for x in seen["PNet"] if len(x) == 1), key=lambda x: x.size)
    inputs = [
        ("P-Net", ours.pnet, usual.pnet, windows, 64),
        ("P-Net", ours.pnet, usual.pnet, strips, 1),
        ("R-Net", ours.rnet, usual.rnet, np.concatenate(seen["RNet"]), CANDIDATES[0]),
        ("O-Net", ours.onet, usual.onet, np.concatenate(seen["ONet"]), CANDIDATES[1]),
    ]
    for name, product, plain, x, batch in inputs:
        x = planar(np.resize(x, (max(len(x), 2 * batch), *x.shape[1:])))
        check = x[1::2][:batch]
        extents = [[tuple(check.shape[2:])] * len(check)] if name == "P-Net" else []
        product_run = torch_run(product, torch.float32, *extents)
        right = product_run(check)[0]
        case = Case(
            name,
            check,
            Normalised(plain).eval(),
            [np.ascontiguousarray(x[::2][:batch])],
            partial(score_agreement, check=check, right=right),
            "torch fp32",
            {"torch fp32": product_run},
        )
        if has_bf16_units():
            rough = getattr(load_mtcnn(), name.lower().replace("-", "")).to(torch.bfloat16)
            case.ways["torch bf16"] = torch_run(rough, torch.bfloat16, *extents)
        yield case


class Normalised(nn.Module):
    """facenet-pytorch's network for pixels as they are; its face probability comes last."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        *others, scores = self.network((x - 127.5) / 128)
        return (scores[:, 1], *others)


def score_agreement(run: Run, check: Float32, right: Float32) -> str:
    change = np.abs(run(check)[0] - right)
    return f"score {change.max():.4f}, mean {change.mean():.5f}"


# All of them


def add_others(case: Case, folder: Path, threads: int) -> None:
    """Add OpenVINO and ONNX Runtime in each precision that they have."""
    path = write_onnx(case.plain, case.x, folder / "network.onnx")
    whole = quantised(path, case.calibration)
    case.ways["ONNX Runtime fp32"] = onnx_runtime(path, threads)
    case.ways["ONNX Runtime int8"] = onnx_runtime(whole, threads)
    case.ways["OpenVINO fp32"] = open_vino(path, threads, "f32")
    if has_bf16_units():
        case.ways["OpenVINO bf16"] = open_vino(path, threads, "bf16")
    case.ways["OpenVINO int8"] = open_vino(whole, threads, "f32")


def rows(case: Case, rounds: int) -> Iterable[str]:
    times: dict[str, list[float]] = {way: [] for way in case.ways}
    for _ in range(rounds + 1):
        for way, run in case.ways.items():
            start = time.perf_counter()
            run(case.x)
            times[way].append(time.perf_counter() - start)
    best = {way: min(taken[1:]) for way, taken in times.items()}
    size = "x".join(str(side) for side in (case.x.shape[0], *case.x.shape[2:]))
    for way, seconds in best.items():
        mark = " (product)" if way == case.product else ""
        ratio = best[case.product] / seconds
        yield (
            f"| {case.name} | {size} | {way}{mark} | {seconds * 1e3:.2f} | {ratio:.2f} | "
            f"{case.agreement(case.ways[way])} |"
        )


if __name__ == "__main__":
    main()
