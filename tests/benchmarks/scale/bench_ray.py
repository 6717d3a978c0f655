"""CPU seconds of a Ray cluster on this machine against worker processes, on the same photos.

    python -m tests.benchmarks bench_ray PHOTOS [--photos 120] [--workers 2] [--rounds 3]

Both run ``run_grouping.py PHOTOS --out DIR --no-plots --no-cache`` in turn. CPU seconds are those
of all processes that the command started, whoever their parent is: a variable of the environment
tells them, and the process that started them. They are looked at five times a second, so that of
each its last fifth may be missing. *each photo* is what the second half of the photos costs more,
by a second pair of runs over the first half; *whole* counts the start too, and is told by kind of
process. *enough* is the number of photos from which the whole is within the target of 1.15 times.
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
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.paths import ROOT

MARK = "BENCH_RAY"
TARGET = 1.15
LOOK_SECONDS = 0.2
TICKS = os.sysconf("SC_CLK_TCK")

# What a command line or title has in it, and whose process that is; the first that fits.
KINDS = {
    "ray::PhotoActor": "workers",
    "ray::": "other processes of Ray's workers",
    "default_worker.py": "other processes of Ray's workers",
    "log_monitor.py": "log monitor",
    "monitor.py": "autoscaler's monitor",
    "DashboardAgent": "dashboard agent",
    "dashboard/agent.py": "dashboard agent",
    "runtime_env": "agent of runtime environments",
    "RuntimeEnvAgent": "agent of runtime environments",
    "dashboard": "dashboard",
    "spawn_main": "workers",
    "forkserver": "workers",
    "run_grouping.py": "driver",
}
# Ray's agents have titles that begin as those of its workers do.
FIRST = ("DashboardAgent", "RuntimeEnvAgent")
# Programs whose arguments have the command lines of others in them.
PROGRAMS = ("raylet", "gcs_server")


@dataclass
class Seen:
    """A process of a run: when it started, in ticks, whose it is, and what it has computed."""

    started: int
    kind: str
    seconds: float


def kind_of(command: str) -> str:
    """Whose process this is."""
    program = command.split(" ")[0].rpartition("/")[2]
    if program in PROGRAMS:
        return program
    for part in (*FIRST, *KINDS):
        if part in command:
            return KINDS[part]
    return "other"


def look(mark: str, seen: dict[int, Seen]) -> None:
    """Take down what all processes of a run have computed so far."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            pid, parent, started = int(entry.name), int(fields[1]), int(fields[19])
            known = seen.get(pid)
            new = known is None or known.started != started
            # Who is known is not asked again: a title may be written over the environment.
            if new and parent not in seen and mark not in (entry / "environ").read_text():
                continue
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue
        # A worker stays one, whatever its title says; who has ended has no command any longer.
        settled = known is not None and (known.kind == "workers" or not command)
        kind = known.kind if known is not None and settled else kind_of(command)
        seen[pid] = Seen(started, kind, (int(fields[11]) + int(fields[12])) / TICKS)


def run(photos: list[Path], workers: int, backend: str) -> dict[str, float]:
    """CPU seconds of one command over these photos, by kind of process."""
    mark = uuid.uuid4().hex
    seen: dict[int, Seen] = {}
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
            look(mark, seen)
            time.sleep(LOOK_SECONDS)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    kinds: dict[str, float] = defaultdict(float)
    for found in seen.values():
        kinds[found.kind] += found.seconds
    return dict(kinds)


def say_kinds(backend: str, runs: list[dict[str, float]]) -> None:
    """Print what each kind of process took, the most first."""
    names = {name for kinds in runs for name in kinds}
    took = {name: statistics.median(kinds.get(name, 0.0) for kinds in runs) for name in names}
    for name, seconds in sorted(took.items(), key=lambda item: -item[1]):
        print(f"  {backend:<10} {name:<34} {seconds:6.2f} CPU s")


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
    kinds: dict[str, list[dict[str, float]]] = {"local": [], "ray": []}
    for _ in range(options.rounds):
        for backend in kinds:
            kinds[backend].append(run(photos, options.workers, backend))
            whole = sum(kinds[backend][-1].values())
            first = sum(run(half, options.workers, backend).values())
            costs.setdefault((backend, "whole"), []).append(whole)
            each = (whole - first) / (len(photos) - len(half))
            costs.setdefault((backend, "each photo"), []).append(each)
    middle = {what: statistics.median(found) for what, found in costs.items()}
    for what in ("whole", "each photo"):
        local, ray = middle["local", what], middle["ray", what]
        print(f"{what:<12} processes {local:8.3f}  ray {ray:8.3f} CPU s  {ray / local:.2f} times")
    # Both cost a start and so much a photo: start_r + r n <= TARGET (start_l + l n).
    starts = {b: middle[b, "whole"] - middle[b, "each photo"] * len(photos) for b in kinds}
    gain = TARGET * middle["local", "each photo"] - middle["ray", "each photo"]
    enough = (starts["ray"] - TARGET * starts["local"]) / gain if gain > 0 else float("inf")
    print(f"start        processes {starts['local']:8.3f}  ray {starts['ray']:8.3f} CPU s")
    print(f"enough       {max(0.0, enough):.0f} photos for {TARGET} times in all")
    for backend, runs in kinds.items():
        say_kinds(backend, runs)


if __name__ == "__main__":
    main()
