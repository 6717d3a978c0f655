"""Tasks of the graph and of the linkage, done by the cores of a Ray cluster.

The vectors go into Ray's object store once, in pieces so small that each machine's store holds
those of all tasks that it is at; what a store has no room for Ray keeps on that machine's disk. A
task is sent where most of its pieces lie. For each core two tasks are sent at most; results that
nobody has taken yet count among them, so memory is bounded.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import ray

from grouping.errors import GroupingError, one_line
from grouping.memory.sizes import size_text
from grouping.similarity.inner_products import arithmetic_digest

log = logging.getLogger(__name__)

# How often a task is begun anew that ended its worker, or whose machine went away.
RETRIES = 5
# Tasks sent for each core: the pieces of the next one are fetched while one is done.
AHEAD = 2
# A piece is at most so large, and no larger than that a store holds so many for each core of its
# machine: two of each task sent, and room for results.
MOST_PIECE = 64 << 20
PIECES_A_CORE = 2 * AHEAD + 2
# Smaller ones take more time to move than to work on.
LEAST_PIECE = 4 << 20
# Seconds without a result after which that is said.
QUIET = 60.0

R = TypeVar("R")


class RayTaskRunner:
    """A :class:`grouping.similarity.task_runner.TaskRunner` of the cluster that is connected.

    Attributes:
        seconds: that tasks took, by the machine that did them.

    Raises:
        GroupingError: no machine has a core, or one has too small an object store.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._piece_bytes = min(map(_piece_bytes, _workplaces()), default=0)
        if not self._piece_bytes:
            raise GroupingError("no machine of the Ray cluster has a core for tasks of the graph")

    @property
    def workers(self) -> int:
        """Tasks that are done at once."""
        return max(1, int(ray.cluster_resources().get("CPU", 0)))

    @property
    def piece_bytes(self) -> int:
        """What one argument of a task may take, about."""
        return self._piece_bytes

    def share(self, value: Any) -> Any:
        """Return a handle of a value that is in the object store."""
        return ray.put(value)

    def run(
        self, work: Callable[..., R], tasks: Iterable[tuple[Any, ...]]
    ) -> Generator[tuple[int, R], None, None]:
        """Do tasks, see :meth:`grouping.similarity.task_runner.TaskRunner.run`.

        Raises:
            GroupingError: what ``work`` raises; a task that ended ``RETRIES`` + 1 workers.
        """
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(_on_one_core)
        numbered = enumerate(tasks)
        sent: dict[Any, int] = {}
        try:
            while True:
                while len(sent) < AHEAD * self.workers and (item := next(numbered, None)):
                    place, arguments = item
                    sent[task.remote(work, *arguments)] = place
                if not sent:
                    return
                for done in _some_done(list(sent)):
                    yield sent.pop(done), self._result(done)
        finally:
            _cancel(list(sent))

    def _result(self, done: Any) -> Any:
        """Return what a task gave, and note who did it."""
        try:
            result, report = ray.get(done)
        except ray.exceptions.RayTaskError as error:
            cause = getattr(error, "cause", None)
            raise (cause if isinstance(cause, GroupingError) else error) from None
        except ray.exceptions.RayError as error:
            raise GroupingError(
                f"a task of the graph failed {RETRIES + 1} times, each time with its worker or its "
                f"machine ({one_line(error)}); see `ray status`, and give each core more memory"
            ) from error
        self._note(report)
        return result

    def _note(self, report: TaskReport) -> None:
        if report.node not in self.seconds and report.arithmetic != arithmetic_digest():
            log.warning(
                "%s rounds otherwise than this machine: similarities may differ in the last bit "
                "from those of one machine",
                report.node,
            )
        self.seconds[report.node] = self.seconds.get(report.node, 0.0) + report.seconds


@dataclass(frozen=True)
class TaskReport:
    """Who did a task.

    Attributes:
        node: host name and the start of Ray's id.
        seconds: that it took.
        arithmetic: see :func:`grouping.similarity.inner_products.arithmetic_digest`.
    """

    node: str
    seconds: float
    arithmetic: str


def _on_one_core(work: Callable[..., R], *arguments: Any) -> tuple[R, TaskReport]:
    """Do a task in a worker, as a thread of a pool does it that works on one core."""
    import torch

    torch.set_num_threads(1)
    arithmetic = arithmetic_digest()
    started = time.perf_counter()
    result = work(*arguments)
    seconds = time.perf_counter() - started
    node = f"{platform.node()} ({ray.get_runtime_context().get_node_id()[:6]})"
    return result, TaskReport(node, seconds, arithmetic)


def _some_done(sent: list[Any]) -> list[Any]:
    """Wait until one task at least is done, and say so where that takes long."""
    while True:
        done, _ = ray.wait(sent, num_returns=1, timeout=QUIET)
        if done:
            return list(done)
        log.info(
            "no task of the graph is done for %.0f s; the cluster has %s of %s cores free",
            QUIET,
            ray.available_resources().get("CPU", 0),
            ray.cluster_resources().get("CPU", 0),
        )


def _cancel(sent: list[Any]) -> None:
    """End tasks whose results nobody wants any longer."""
    for left in sent:
        with suppress(ray.exceptions.RayError):
            ray.cancel(left, force=True)


def _workplaces() -> list[dict[str, Any]]:
    """Return the machines that tasks may be sent to, as Ray tells of them."""
    return [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]


def _piece_bytes(node: dict[str, Any]) -> int:
    """Return how large a piece may be for the object store of a machine.

    Raises:
        GroupingError: it is too small for all its cores.
    """
    resources = node["Resources"]
    cores, store = int(resources["CPU"]), int(resources.get("object_store_memory", 0))
    piece = store // (PIECES_A_CORE * cores)
    if piece < LEAST_PIECE:
        raise GroupingError(
            f"the object store of {node['NodeManagerHostname']} ({node['NodeID'][:6]}) has "
            f"{size_text(store)} for {cores} cores, and tasks of the graph need "
            f"{size_text(LEAST_PIECE * PIECES_A_CORE * cores)}: start Ray there with a larger "
            "--object-store-memory, or with fewer --num-cpus"
        )
    return min(piece, MOST_PIECE)
