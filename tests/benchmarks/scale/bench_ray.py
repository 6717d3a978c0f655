"""CPU seconds of a Ray cluster on this machine against worker processes, on the same photos.

    python -m tests.benchmarks bench_ray PHOTOS [--photos 120] [--workers 2] [--rounds 3]

Both run ``run_grouping.py PHOTOS --out DIR --no-plots --no-cache`` in turn. CPU seconds are those
of all processes that the command started, whoever their parent is: a variable of the environment
tells them. They are looked at five times a second, so that of each its last fifth may be missing.
*each photo* is what the second half of the photos costs more, by a second pair of runs over the
first half; *whole* counts the start too. Target: 1.15 times.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from tests.helpers.paths import ROOT

MARK = "BENCH_RAY"
LOOK_SECONDS = 0.2
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds_of(mark: str, seen: dict[int, float]) -> None:
    """Take down what all processes with a mark in their environment have computed so far."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if mark.encode() not in (entry / "environ").read_bytes():
                continue
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        seen[int(entry.name)] = (int(fields[11]) + int(fields[12])) / TICKS


def run(photos: list[Path], workers: int, backend: str) -> float:
    """CPU seconds of one command over these photos."""
    mark = uuid.uuid4().hex
    seen: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        album = Path(folder) / "album"
        album.mkdir()
        for number, path in enumerate(photos):
            shutil.copy(path, album / f"{number:05}{path.suffix}")
        command = [sys.executable, "run_grouping.py", str(album), "--out", f"{folder}/out"]
        command += ["--no-plots", "--no-cache", "--workers", str(workers), "--backend", backend]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, MARK: mark},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None:
            cpu_seconds_of(mark, seen)
            time.sleep(LOOK_SECONDS)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return sum(seen.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=120)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    photos = sorted(options.folder.rglob("*.jpg"))[: options.photos]
    half = photos[: len(photos) // 2]
    costs: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        for backend in ("local", "ray"):
            whole, first = (run(part, options.workers, backend) for part in (photos, half))
            costs.setdefault((backend, "whole"), []).append(whole)
            each = (whole - first) / (len(photos) - len(half))
            costs.setdefault((backend, "each photo"), []).append(each)
    for what in ("whole", "each photo"):
        local, ray = (statistics.median(costs[backend, what]) for backend in ("local", "ray"))
        print(f"{what:<12} processes {local:8.3f}  ray {ray:8.3f} CPU s  {ray / local:.2f} times")


if __name__ == "__main__":
    main()
