"""Whole commands against the usual pipeline, in turn: seconds, CPU seconds, ratios.

    python -m tests.benchmarks bench_run PHOTOS [--web 133] [--camera 12] [--rounds 3]
    python -m tests.benchmarks bench_run PHOTOS --before f557d7d     # against an earlier commit too

Two albums are made of the photos of a folder: the first ``--web`` as they are, and the first
``--camera`` of those enlarged to 12 megapixels. Each is grouped with IR-50 (random weights, which
cost what trained ones do, unless its file is in ``checkpoint/``) and with the bundled network:

- *usual*: MTCNN at full size and the network in float32, one photo and one face at a time, both
  cores. Its start is not counted. facenet-pytorch's own MTCNN where it imports, else a
  transcription of it with the same steps.
- *ours*: ``run_grouping.py PHOTOS --out DIR``, from the command to its end, without a cache
  (*cold*), a second time (*warm*), with pictures, and with other numbers of workers.

``--only`` names the rows that are run, e.g. ``--only "usual,cold"``. A row's seconds are the median
of the rounds; *times* is the usual pipeline's seconds over it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps

from backbone.weights.known_files import CHECKPOINT_FOLDER, IR50_RECORD, MOBILEFACENET_RECORD
from backbone.weights.loading import load_weights
from grouping.faces.alignment import align_faces
from tests.benchmarks.faces.bench_detection import usual_detector
from tests.benchmarks.runs.compare_results import checkout
from tests.helpers.networks.checkpoints import write_ir50_checkpoint
from tests.helpers.paths import ROOT

CAMERA_SIZE = (4000, 3000)
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SURE = 0.9  # of a face, as the program asks for
# What is said to the program besides the photos, by the name of the row.
OURS = {
    "cold": ("--no-plots",),
    "warm": ("--no-plots",),
    "one photo": ("--no-plots",),
    "with pictures": (),
    "--workers 0": ("--no-plots", "--workers", "0"),
    "--workers 1": ("--no-plots", "--workers", "1"),
    "--workers 2": ("--no-plots", "--workers", "2"),
}


class Cost(NamedTuple):
    """Of one command."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Album:
    """A folder of photos and the network that they are to be grouped with."""

    name: str
    folder: Path
    network: str
    checkpoint: Path

    @property
    def count(self) -> int:
        return len(photos_in(self.folder))


def main() -> int:
    options = parsed()
    if options.usual:
        print(usual_seconds(options.photos, options.checkpoint))
        return 0
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        before = stack.enter_context(checkout(options.before)) if options.before else None
        wanted = options.only.split(",") if options.only else None
        for album in albums(options, scratch):
            costs: dict[str, list[Cost]] = defaultdict(list)
            for _ in range(options.rounds):
                for row, cost in one_round(album, scratch, wanted, before):
                    costs[row].append(cost)
            print_table(album, costs)
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--web", type=int, default=133, help="photos taken as they are")
    parser.add_argument("--camera", type=int, default=12, help="photos enlarged to 12 megapixels")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--networks", default="IR-50,bundled")
    parser.add_argument("--only", help="rows to run, separated by commas")
    parser.add_argument("--before", help="a commit to compare with, e.g. f557d7d")
    parser.add_argument("--usual", action="store_true", help="run the usual pipeline alone")
    parser.add_argument("--checkpoint", type=Path, help="of the usual pipeline")
    return parser.parse_args()


def albums(options: argparse.Namespace, scratch: Path) -> Iterator[Album]:
    """Both kinds of photos with each network, made as they are needed."""
    folders = {}
    if options.web:
        folders[f"{options.web} web photos"] = linked(options.photos, options.web, scratch / "web")
    if options.camera:
        folders[f"{options.camera} photos of 12 MP"] = enlarged(
            options.photos, options.camera, scratch / "camera"
        )
    for network in options.networks.split(","):
        checkpoint = checkpoint_of(network, scratch)
        for name, folder in folders.items():
            yield Album(name, folder, network, checkpoint)


def photos_in(folder: Path) -> list[Path]:
    """The photos below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def linked(source: Path, count: int, folder: Path) -> Path:
    """A folder with links to the first photos of another."""
    folder.mkdir()
    for number, path in enumerate(islice(photos_in(source.resolve()), count)):
        (folder / f"{number:04d}{path.suffix}").symlink_to(path)
    return folder


def enlarged(source: Path, count: int, folder: Path) -> Path:
    """A folder with the first photos of another, filling twelve megapixels."""
    folder.mkdir()
    for number, path in enumerate(islice(photos_in(source), count)):
        with Image.open(path) as image:
            photo = ImageOps.fit(image.convert("RGB"), CAMERA_SIZE, Image.Resampling.BICUBIC)
            photo.save(folder / f"{number:04d}.jpg", quality=92)
    return folder


def checkpoint_of(network: str, scratch: Path) -> Path:
    """The file of a network; random weights where IR-50 is not at hand."""
    if network == "bundled":
        return CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name
    published = CHECKPOINT_FOLDER / IR50_RECORD.file_name
    return published if published.exists() else write_ir50_checkpoint(scratch / "ir50.pth")


def one_round(
    album: Album, scratch: Path, wanted: list[str] | None, before: Path | None
) -> Iterator[tuple[str, Cost]]:
    """Each row once, in turn, so that a busy minute meets them all."""
    if wanted is None or "usual" in wanted:
        yield "usual", usual_cost(album)
    with tempfile.TemporaryDirectory(dir=scratch) as out:
        for row, said in OURS.items():
            if wanted is not None and row not in wanted:
                continue
            source = photos_in(album.folder)[0] if row == "one photo" else album.folder
            place = Path(out) / ("cold" if row == "warm" else row)
            yield row, our_cost(ROOT, album, source, place, said)
            if before is not None and row != "warm":
                yield f"{row}, before", our_cost(before, album, source, place / "before", said)


def our_cost(tree: Path, album: Album, source: Path, out: Path, said: tuple[str, ...]) -> Cost:
    """Of one command of the program, from its start to its end."""
    program = [sys.executable, str(tree / "run_grouping.py"), str(source), "--out", str(out)]
    if album.network != "bundled":
        program += ["--checkpoint", str(album.checkpoint)]
    out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*program, *said], stdout=subprocess.DEVNULL, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            said_last = log.read().decode(errors="replace").strip().rpartition("\n")[2]
            raise SystemExit(f"{' '.join(program)} ended with {process.returncode}: {said_last}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime)


def usual_cost(album: Album) -> Cost:
    """Of the usual pipeline, after its start."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.runs.bench_run",
        str(album.folder),
        "--usual",
    ]
    command += ["--checkpoint", str(album.checkpoint)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Cost(*map(float, done.stdout.split()[-2:]))


def usual_seconds(folder: Path, checkpoint: Path) -> str:
    """Seconds and CPU seconds of the usual pipeline over a folder, its networks loaded before."""
    detect, network = usual_detector(), load_weights(checkpoint).module.eval()
    start, cpu_start = time.perf_counter(), time.process_time()
    for path in photos_in(folder):
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
        _, scores, landmarks = detect(image)
        for face in np.asarray(landmarks, np.float32)[np.asarray(scores) >= SURE]:
            embed_one(network, align_faces(image, face[None]))
    return f"{time.perf_counter() - start} {time.process_time() - cpu_start}"


@torch.inference_mode()
def embed_one(network: torch.nn.Module, crop: np.ndarray) -> np.ndarray:
    """(d,) float32 of a crop (1, 112, 112, 3) uint8, once and not mirrored."""
    pixels = torch.from_numpy(crop).permute(0, 3, 1, 2).float()
    return network((pixels - 127.5) / 127.5)[0].numpy()


def print_table(album: Album, costs: dict[str, list[Cost]]) -> None:
    """A Markdown table of the medians."""
    print(f"\n{album.name}, {album.network}\n")
    print("| what | seconds | CPU seconds | times |\n| --- | ---: | ---: | ---: |")
    medians = {
        row: Cost(*(statistics.median(column) for column in zip(*of_row, strict=True)))
        for row, of_row in costs.items()
    }
    usual = medians.get("usual")
    for row, (seconds, cpu) in medians.items():
        whole = usual is not None and row not in ("usual", "one photo", "one photo, before")
        times = f"{usual.seconds / seconds:.2f}" if usual is not None and whole else ""
        print(f"| {row} | {seconds:.2f} | {cpu:.2f} | {times} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
