"""Tasks of the graph and of the linkage, done by the cores of a Ray cluster.

The vectors go into Ray's object store once, in pieces so small that each machine's store holds
those of all tasks that it is at; what a store has no room for Ray keeps on that machine's disk. A
task is sent where most of its pieces lie. For each core two tasks are sent at most; results that
nobody has taken yet count among them, so memory is bounded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

from grouping.errors import GroupingError, one_line
from grouping.execution.on_ray.cluster import ray_module
from grouping.execution.on_ray.in_flight import Shared, TaskReport, TasksInFlight
from grouping.memory.sizes import size_text
from grouping.similarity.inner_products import arithmetic_digest

log = logging.getLogger(__name__)
ray = ray_module()

# Tasks sent for each core: the pieces of the next one are fetched while one is done.
AHEAD = 2
# A piece is at most so large, and no larger than that a store holds so many for each core of its
# machine: two of each task sent, and room for results.
MOST_PIECE = 64 << 20
PIECES_A_CORE = 2 * AHEAD + 2
# Smaller ones take more time to move than to work on.
LEAST_PIECE = 4 << 20

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
        """Return a handle of a value that is in the object store.

        Raises:
            GroupingError: there is no room for it, neither in memory nor on disk.
        """
        try:
            return Shared(value, ray.put(value))
        except ray.exceptions.RayError as error:
            raise GroupingError(
                f"the object store of this machine takes no more ({one_line(error)}); start Ray "
                "here with a larger --object-store-memory, or free its disk"
            ) from error

    def run(
        self, work: Callable[..., R], tasks: Iterable[tuple[Any, ...]]
    ) -> Generator[tuple[int, R], None, None]:
        """Do tasks, see :meth:`grouping.similarity.task_runner.TaskRunner.run`.

        Raises:
            GroupingError: what ``work`` raises; a task that was sent in vain again and again; no
                result for far too long.
        """
        numbered = enumerate(tasks)
        flight = TasksInFlight(work)
        try:
            while True:
                while len(flight) < AHEAD * self.workers and (item := next(numbered, None)):
                    flight.send(*item)
                if not len(flight):
                    return
                for place, result, report in flight.done():
                    self._note(report)
                    yield place, result
        finally:
            flight.cancel()

    def _note(self, report: TaskReport) -> None:
        if report.node not in self.seconds and report.arithmetic != arithmetic_digest():
            log.warning(
                "%s rounds otherwise than this machine: similarities may differ in the last bit "
                "from those of one machine",
                report.node,
            )
        self.seconds[report.node] = self.seconds.get(report.node, 0.0) + report.seconds


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
