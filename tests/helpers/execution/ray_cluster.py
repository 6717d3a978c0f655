"""A real Ray cluster of machines with one core each: raylets of their own on this machine."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from grouping.execution.on_ray.cluster import ray_module
from grouping.sources.photo import LocalPhoto, Photo
from tests.helpers.paths import ROOT

OBJECT_STORE = 80 * 2**20

# Before Ray is imported, where no conftest has done so: its processes read it then.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def skip_without_ray() -> None:
    """Skip a module of tests where the extra is not installed."""
    if find_spec("ray") is None:
        pytest.skip("the extra 'ray' is not installed", allow_module_level=True)


@dataclass
class TestCluster:
    """Nodes of one core each; the first one is the head."""

    __test__ = False

    cluster: Any
    nodes: list[Any]

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self, **settings: Any) -> Any:
        node = self.cluster.add_node(**_settings(settings))
        self.nodes.append(node)
        return node

    def kill(self, node: Any) -> None:
        """End a node as a cut cable does: all of its processes at once, without a word."""
        self.cluster.remove_node(node, allow_graceful=False)
        self.nodes.remove(node)


@contextmanager
def cluster_of(count: int = 2, **settings: Any) -> Iterator[TestCluster]:
    """A cluster for tests, ended with all of its processes."""
    ray_module()
    from ray.cluster_utils import Cluster

    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)
    cluster = Cluster(shutdown_at_exit=True)
    try:
        made = TestCluster(cluster, [])
        for _ in range(count):
            made.add(**settings)
        yield made
    finally:
        cluster.shutdown()
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _settings(more: dict[str, Any]) -> dict[str, Any]:
    settings = {"num_cpus": 1, "object_store_memory": OBJECT_STORE, "include_dashboard": False}
    return settings | more


@dataclass(frozen=True)
class KillingPhoto(Photo):
    """Ends the process that reads it, so many times."""

    file: Path = Path()
    deaths: Path = Path()
    times: int = 1000

    def _read(self) -> bytes:
        with self.deaths.open("a") as file:
            file.write(f"{os.getpid()}\n")
        if len(self.deaths.read_text().split()) <= self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.file.read_bytes()


@dataclass(frozen=True)
class SlowPhoto(LocalPhoto):
    """Takes its time, and leaves a trace of the process that reads it."""

    trace: Path = Path()
    seconds: float = 0.5

    def _read(self) -> bytes:
        with self.trace.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(self.seconds)
        return super()._read()


@dataclass(frozen=True)
class HerePhoto(LocalPhoto):
    """A file on a drive that only one process sees."""

    process: int = 0

    def _read(self):
        if os.getpid() != self.process:
            return replace(self, path=Path("/nowhere/at/all.jpg"), process=os.getpid())._read()
        return super()._read()
