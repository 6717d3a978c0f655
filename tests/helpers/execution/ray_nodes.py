"""Tasks of the graph on a real Ray cluster of this machine, and what may happen to them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from grouping.errors import InputError
from grouping.records import Int64
from tests.helpers.execution.ray_cluster import cluster_of


@contextmanager
def connected_nodes(count: int, store: int) -> Iterator[Any]:
    """Start nodes, connect to the first, and end all of their processes.

    Args:
        count: nodes, of one core each.
        store: bytes of the object store of each.

    Yields:
        The cluster.
    """
    import ray

    with cluster_of(count, object_store_memory=store) as made:
        try:
            ray.init(made.address, configure_logging=False, log_to_driver=False)
            yield made.cluster
        finally:
            ray.shutdown()


def kill_one_at_work(after: float) -> list[int]:
    """Kill, some seconds from now, a worker that is at a task of the graph.

    Returns:
        Where its process id will be.
    """
    killed: list[int] = []

    def kill() -> None:
        time.sleep(after)
        for _ in range(1200):
            if found := _workers_at_work():
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])
                return
            time.sleep(0.05)

    threading.Thread(target=kill, daemon=True).start()
    return killed


def _workers_at_work() -> list[int]:
    """Process ids of our workers that are at a task; Ray writes it into their names."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and (folder / "cmdline").read_bytes().startswith(b"ray::_on"):
                found.append(int(folder.name))
        except OSError:  # it has ended meanwhile
            continue
    return [pid for pid in found if _is_descendant(pid)]


def _is_descendant(pid: int) -> bool:
    """Whether a process has been started by this one, or by one that this one started."""
    try:
        while pid > 1 and pid != os.getpid():
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return False
    return pid == os.getpid()


def end_own_process(*_: object) -> None:
    """A task that no worker survives."""
    os.kill(os.getpid(), signal.SIGKILL)


def refuse(*_: object) -> None:
    """A task that is refused."""
    raise InputError("refused")


def same_number(number: int) -> int:
    """A task of no time."""
    return number


def many_numbers(number: int) -> Int64:
    """A task of a second whose result is too large to travel but through the object store."""
    time.sleep(1)
    return np.full(100_000, number)
