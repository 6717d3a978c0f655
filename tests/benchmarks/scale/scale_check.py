"""The simulated schedule against real runs on a cluster of this machine, each node with one core.

    python -m tests.benchmarks scale_check FOLDER --seconds 0.21 [--photos 200] [--nodes 1 2]

A first run, of one task, tells how long a worker takes to start. ``--seconds`` is what a photo of
the folder takes a core, by ``scale_costs photos``, and the driver's costs are those of
:mod:`.scale_inputs`: the rows are predicted, not fitted. In the last one a node is ended halfway.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grouping.execution.workers.photo_work import CHUNK
from tests.benchmarks.scale.scale_inputs import driver_seconds
from tests.benchmarks.scale.scale_schedule import Cluster, Job, simulate
from tests.helpers.execution.ray_cluster import cluster_of
from tests.helpers.paths import ROOT

CORES = os.cpu_count() or 1
STORE = 100 * 2**20  # bytes of each node's object store


@dataclass
class Run:
    """A real run.

    Attributes:
        joined: seconds of a steady clock at which the nodes were met.
        done: at which all were.
        killed: at which a node was ended; None where none was.
        photos: how many came out.
        cpu: seconds that the driver computed, from start to end.
    """

    joined: float = 0.0
    done: float = 0.0
    killed: float | None = None
    photos: int = 0
    cpu: float = 0.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, required=True, help="of a core, for one photo")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--nodes", type=int, nargs="*", default=(1, 2))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        few, many = Path(scratch) / "few", Path(scratch) / "many"
        filled(options.folder, CHUNK, few)
        filled(options.folder, options.photos, many)
        one = real_run(few, Path(scratch) / "out", 1, None)
        start = one.done - one.joined - CHUNK * options.seconds
        half = start + options.photos * options.seconds / options.nodes[-1] / 2
        for nodes, ended in (*((n, None) for n in options.nodes), (options.nodes[-1], half)):
            run = real_run(many, Path(scratch) / f"{nodes}-{ended}", nodes, ended)
            print_row(options, run, nodes, start)
            each = (run.cpu - one.cpu) / (options.photos - CHUNK)
            print(f"  the driver computed {each:.2g} core s a photo", flush=True)
    return 0


def filled(source: Path, count: int, folder: Path) -> Path:
    """A folder of so many photos: those of another, again and again, each with bytes of its own."""
    from tests.benchmarks.runs.bench_run import photos_in

    folder.mkdir()
    paths = photos_in(source)
    for number in range(count):
        path = paths[number % len(paths)]
        data = path.read_bytes() + str(number).encode()  # after the end of the image: ignored
        (folder / f"{number:05d}{path.suffix}").write_bytes(data)
    return folder


def print_row(options: argparse.Namespace, run: Run, nodes: int, start: float) -> None:
    """The real seconds beside those simulated."""
    read, done = driver_seconds()
    lost = () if run.killed is None else ((run.killed - run.joined, 0),)
    job = Job(options.photos, options.seconds, 0, read, done, lost)
    played = simulate(job, Cluster(nodes, 1, start, cores=CORES, replaced=float("inf")))
    real = run.done - run.joined
    print(
        f"{nodes} nodes{', one ended' if lost else ''}: {run.photos} photos in {real:.1f} s, "
        f"simulated {played.seconds:.1f} s, {played.seconds / real:.2f} of it; "
        f"start {start:.1f} s, {played.again} tasks again",
        flush=True,
    )


def real_run(folder: Path, out: Path, nodes: int, kill: float | None) -> Run:
    """Group the photos of a folder; end a node so many seconds after the nodes were met."""
    count = len(list(folder.iterdir()))
    with cluster_of(1, num_cpus=0, object_store_memory=STORE) as cluster:
        workers = [cluster.add(object_store_memory=STORE) for _ in range(nodes)]
        program = [sys.executable, str(ROOT / "run_grouping.py"), str(folder), "--out", str(out)]
        said = ["--backend", "ray", "--ray-address", cluster.address, "--no-plots", "--log-json"]
        process = subprocess.Popen(
            [*program, *said], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        run = Run()
        assert process.stderr is not None
        watch = threading.Thread(target=follow, args=(process.stderr, run, count))
        watch.start()
        if kill is not None:
            while watch.is_alive() and not run.joined:
                time.sleep(0.1)
            time.sleep(kill)
            run.killed = time.monotonic()
            cluster.kill(workers[0])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        run.cpu = usage.ru_utime + usage.ru_stime
        watch.join()
    if process.returncode:
        raise SystemExit(f"the program ended with {process.returncode}")
    return run


def follow(lines: Any, run: Run, count: int) -> None:
    """Note when things happened, as the program tells of them."""
    for line in lines:
        now = time.monotonic()
        event = json.loads(line) if line.startswith("{") else {}
        kind = event.get("event", "")
        if kind.startswith("node joined"):
            run.joined = run.joined or now
        elif kind == "photos":
            run.photos = event["done"]
            run.done = now if run.photos == count else run.done
        elif kind == "grouping" and not run.done:
            run.done = now


if __name__ == "__main__":
    sys.exit(main())
