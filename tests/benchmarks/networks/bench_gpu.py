"""All that is asked of a GPU, in one call of a few minutes: right first, then how fast.

    python -m tests.benchmarks bench_gpu PHOTOS [--device cuda]

In turn: the tests marked ``gpu`` (the same faces, vectors and people as on the CPU, little memory);
`bench_embedding` on the device (faces a second by network, precision and batch beside the card's
measured peak); detection alone (photos a second by how many are searched at once, decoded before);
and whole commands over PHOTOS on the device and on the CPU, with their groups compared. The name of
the card stands beside every figure. ``--device cpu`` goes through all of it where there is no GPU,
to see that the script is whole; its figures say nothing then.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from backbone.runtime.devices import resolve_device
from backbone.weights.mtcnn_files import load_mtcnn
from grouping.config import DetectionSettings
from grouping.faces.scales import cascade_of, decoded_to_search
from grouping.faces.search.detection import Detector
from tests.benchmarks.networks.bench_embedding import synchronize
from tests.benchmarks.runs.bench_run import checkpoint_of, photos_in
from tests.helpers.paths import ROOT

AT_ONCE = (1, 4, 16)  # photos in one pass of the detector
DETECTED = 32  # photos that detection is timed with


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each row of embedding")
    options = parser.parse_args()
    device = resolve_device(options.device)
    print(f"{card(device)}, torch {torch.__version__}, {os.cpu_count()} cores\n", flush=True)
    right = tests_pass(options.device)
    run(
        "tests.benchmarks.networks.bench_embedding",
        "--device",
        str(device),
        "--seconds",
        options.seconds,
    )
    print_detection(options.photos, device)
    with tempfile.TemporaryDirectory() as scratch:
        same = print_whole_runs(options.photos, options.device, Path(scratch))
    return 0 if right and same else 1


def card(device: torch.device) -> str:
    """The name of what computes, and its memory."""
    if device.type != "cuda":
        return f"no GPU ({device}: figures say nothing about one)"
    found = torch.cuda.get_device_properties(device)
    return f"{found.name}, {found.total_memory / 2**30:.0f} GiB"


def tests_pass(device: str) -> bool:
    """Run the tests marked ``gpu``; their last line is printed."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-m", "gpu", "tests/gpu"]
    if device != "cpu":
        command.append("tests/backbone/runtime")
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"FACE_GROUPING_GPU": device},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    print("\n".join(lines if done.returncode else lines[-1:]), "\n", flush=True)
    return done.returncode == 0


def run(module: str, *arguments: object) -> None:
    """Run another benchmark, its output among this one's."""
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, check=True)


def print_detection(folder: Path, device: torch.device) -> None:
    """Photos a second of the detector alone, on the device and on the CPU."""
    settings = DetectionSettings()
    photos = [
        decoded_to_search(path.read_bytes(), settings) for path in photos_in(folder)[:DETECTED]
    ]
    print(f"\n| detector on | photos at once | photos/s of {len(photos)} | faces |")
    print("| --- | ---: | ---: | ---: |")
    for place in dict.fromkeys([device, torch.device("cpu")]):
        detector = Detector(load_mtcnn(str(place)))
        for count in AT_ONCE:
            start, faces = time.perf_counter(), 0
            for _ in range(2):  # the first round warms up
                start, faces = time.perf_counter(), 0
                for first in range(0, len(photos), count):
                    part = photos[first : first + count]
                    found = detector(
                        [p.image for p in part], [cascade_of(p, settings) for p in part]
                    )
                    faces += sum(len(f.boxes) for f in found)
                synchronize(place)
            rate = len(photos) / (time.perf_counter() - start)
            print(f"| {place} | {count} | {rate:.1f} | {faces} |", flush=True)


def print_whole_runs(folder: Path, device: str, scratch: Path) -> bool:
    """Whole commands with both networks; whether the device's people are the CPU's."""
    count, same = len(photos_in(folder)), True
    print(f"\n| command over {count} photos | seconds | photos/s | faces/s | people |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for network in ("bundled", "IR-50"):
        people = {}
        for place, workers in ((device, None), (device, 0), (device, 4), ("cpu", None)):
            name = f"{network}, {place}" + ("" if workers is None else f", --workers {workers}")
            out = scratch / name
            said = [] if workers is None else ["--workers", str(workers)]
            start = time.perf_counter()
            document = grouped(folder, out, network, scratch, ["--device", place, *said])
            seconds = time.perf_counter() - start
            people[name] = groups_of(document)
            print(
                f"| {name} | {seconds:.1f} | {count / seconds:.1f} | "
                f"{faces_in(document) / seconds:.1f} | {len(people[name])} |",
                flush=True,
            )
        same &= network != "bundled" or len(set(map(str, people.values()))) == 1
    print("\nbundled network: " + ("the same people everywhere" if same else "OTHER people"))
    return same


def grouped(folder: Path, out: Path, network: str, scratch: Path, said: list[str]) -> dict:
    """groups.json of one command without a cache or pictures."""
    program = [sys.executable, str(ROOT / "run_grouping.py"), str(folder), "--out", str(out)]
    program += ["--checkpoint", str(checkpoint_of(network, scratch)), "--no-plots", "--no-cache"]
    done = subprocess.run([*program, *said], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(program)} ended with {done.returncode}: {done.stderr[-500:]}")
    document: dict = json.loads((out / "groups.json").read_text(encoding="utf-8"))
    return document


def faces_in(document: dict) -> int:
    return sum(len(image["faces"]) for image in document["images"])


def groups_of(document: dict) -> list[list[int]]:
    """The photos of each person, the same for the same people whatever their numbers."""
    return sorted(sorted(group["original_images_idx_list"]) for group in document["groups"])


if __name__ == "__main__":
    sys.exit(main())
