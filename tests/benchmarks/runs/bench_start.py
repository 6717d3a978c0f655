"""How long a command takes to its first photo, and what a worker process adds in memory.

    python -m tests.benchmarks bench_start [--rounds 3]

One photo is grouped with each network, with nothing kept of it and with what an earlier run has
kept (a cache folder of its own, so that yours stays as it is). Then workers are given photos, and
their memory is read from ``/proc`` when all have worked: *own* is what no other process shares
(USS), *share* counts shared pages by the number of processes that map them (PSS). Linux only.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from grouping.config import DetectionSettings, EmbeddingSettings
from grouping.execution.face_models import FaceModels
from grouping.execution.workers.photo_work import PhotoWork
from grouping.execution.workers.photo_worker import given_up, start_worker
from grouping.execution.workers.process_pool import ProcessPool
from grouping.faces.loading import import_networks
from tests.benchmarks.runs.bench_run import checkpoint_of
from tests.helpers.paths import PHOTOS, ROOT

WORKERS = 2
PHOTO = PHOTOS / "president_biden.jpg"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as scratch:
        checkpoints = {name: checkpoint_of(name, Path(scratch)) for name in ("bundled", "IR-50")}
        os.environ["FACE_GROUPING_CACHE"] = str(Path(scratch) / "kept")
        print("| network | first photo, nothing kept | kept |\n| --- | ---: | ---: |")
        for name, checkpoint in checkpoints.items():
            first, later = starts(checkpoint, rounds)
            print(f"| {name} | {first:.2f} s | {later:.2f} s |", flush=True)
        print("\n| network | of a worker: own | share |\n| --- | ---: | ---: |")
        print("| import torch alone | {:.0f} MB | {:.0f} MB |".format(*torch_alone()))
        for name, checkpoint in checkpoints.items():
            own, share = worker_memory(checkpoint)
            print(f"| {name} | {own:.0f} MB | {share:.0f} MB |", flush=True)


def starts(checkpoint: Path, rounds: int) -> tuple[float, float]:
    """Median seconds of a command over one photo, without and with what an earlier run has kept."""
    first, later = [], []
    for _ in range(rounds):
        for path in Path(os.environ["FACE_GROUPING_CACHE"]).glob("*"):
            path.unlink()
        first.append(one_photo(checkpoint))
        later.append(one_photo(checkpoint))
    return statistics.median(first), statistics.median(later)


def one_photo(checkpoint: Path) -> float:
    """Seconds of a command over one photo, from its start to its end."""
    with tempfile.TemporaryDirectory() as out:
        program = [sys.executable, str(ROOT / "run_grouping.py"), str(PHOTO), "--out", out]
        start = time.perf_counter()
        subprocess.run(
            [*program, "--no-plots", "--checkpoint", str(checkpoint)],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return time.perf_counter() - start


def worker_memory(checkpoint: Path) -> tuple[float, float]:
    """Mean own and shared memory of two workers that have analysed photos, in MB."""
    models = FaceModels(DetectionSettings(), EmbeddingSettings(checkpoint=checkpoint))
    models.make_ready()
    budget = models.memory_budget(WORKERS)
    settings = (models.detection, models.embedding, models.weights)
    start = partial(start_worker, *settings, budget, 120.0, None)
    photos = [[(i, PhotoWork(PHOTO.read_bytes() + b"%d" % i))] for i in range(6 * WORKERS)]
    with ProcessPool(start, WORKERS, given_up, warm_up=import_networks) as pool:
        for _ in pool.map(photos):
            pass
        figures = [memory_of(pid) for pid in pool.pids]
    return tuple(statistics.mean(column) for column in zip(*figures, strict=True))


def torch_alone() -> tuple[float, float]:
    """The same of a process that has imported torch and no more."""
    code = "import torch, sys; print(); sys.stdout.flush(); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes, text=True) as process:  # type: ignore[call-overload]
        process.stdout.readline()
        figures = memory_of(process.pid)
        process.communicate("\n")
    return figures


def memory_of(pid: int) -> tuple[float, float]:
    """Own and shared memory of a process, in MB."""
    rows = dict(
        line.split(":", 1)
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    )
    kilobytes = {name: int(value.split()[0]) for name, value in rows.items()}
    own = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return own / 1024, kilobytes["Pss"] / 1024


if __name__ == "__main__":
    main()
