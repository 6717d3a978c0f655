"""The workers of a cluster: hired on every machine, replaced where they die, let go at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from grouping.errors import GroupingError, one_line
from grouping.execution.on_ray.actor import Order, PhotoActor, code_digest
from grouping.execution.on_ray.cluster import Node, living_nodes, ray_module
from grouping.execution.on_ray.staff import Staff
from grouping.execution.on_ray.tasks import Task
from grouping.execution.workers.photo_work import CHUNK

log = logging.getLogger(__name__)

MOST_PHOTOS = 16  # of a task
STEADY = 16  # tasks of a worker after which it gets larger ones
CALLS = 3  # that a worker answers at once: one reads, one analyses, one forgets
HIRE_SECONDS = 5.0  # between two looks at what machines there are
WAIT_SECONDS = 300.0  # for a worker where there is none: machines take minutes to start
MAX_STILLBORN = 3  # workers in a row that end before they are ready
MOST_OF_REASON = 500  # characters


@dataclass(eq=False)
class Worker:
    """An actor, where it is and what it does.

    Attributes:
        actor: Ray's handle.
        node: its machine.
        staff: what it may take there.
        ready: it has answered, and may be given work.
        done: tasks that it has analysed.
        tasks: that it has.
    """

    actor: Any
    node: Node
    staff: Staff
    ready: bool = False
    done: int = 0
    tasks: list[Task] = field(default_factory=list)

    @property
    def begun(self) -> bool:
        """Whether it has analysed something, so that its networks are loaded."""
        return self.done > 0

    @property
    def photos(self) -> int:
        """How many it is given at a time: more, once the last ones make no difference any longer.

        Each call costs the driver, which for many workers is what all wait for; but where there
        are few photos, everybody is to have some.
        """
        return min(MOST_PHOTOS, CHUNK * (1 + self.done // STEADY))

    @property
    def has_suspect(self) -> bool:
        """Whether it works on a photo that may have killed its worker before."""
        return any(task.suspect for task in self.tasks)


class Workforce:
    """All workers of a run.

    Args:
        order: what each of them is told, given those of its machine.
        staff: the workers of a machine.
    """

    def __init__(self, order: Callable[[Staff], Order], staff: Callable[[Node], Staff]) -> None:
        self.workers: list[Worker] = []
        self._ray = ray_module()
        self._class = self._ray.remote(PhotoActor)
        self._order = order
        self._staff = staff
        self._names: dict[str, str] = {}  # of machines seen so far, by id
        self._looked = -HIRE_SECONDS
        self._served = time.monotonic()  # when there was a worker for the last time
        self._stillborn = 0

    def hire(self) -> list[tuple[Worker, Any]]:
        """Have workers on every machine, also on those that have joined meanwhile.

        Returns:
            Those who are new, each with the reference of their first answer.
        """
        if time.monotonic() - self._looked < HIRE_SECONDS:
            return []
        self._looked = time.monotonic()
        nodes = living_nodes()
        self._say_changes({node.id: node.name for node in nodes})
        hired = []
        for node in nodes:
            staff = self._staff(node)
            there = sum(worker.node.id == node.id for worker in self.workers)
            hired += [self._started(node, staff) for _ in range(there, staff.count)]
        return hired

    def welcome(self, worker: Worker, hello: tuple[int, str]) -> None:
        """Take a worker that has started among those who get work.

        Raises:
            GroupingError: it has other code.
        """
        _, code = hello
        if code != code_digest():
            raise GroupingError(
                f"node {worker.node.name} has another version of this program; install the same "
                "on every node"
            )
        worker.ready, self._stillborn = True, 0

    def let_go(self, worker: Worker, error: Exception) -> bool:
        """Take note that a worker is lost, and have another hired.

        Returns:
            Whether its machine is gone or out of reach, for which no photo is to blame.

        Raises:
            GroupingError: workers never get ready.
        """
        self.workers.remove(worker)
        self._end(worker)
        self._looked = -HIRE_SECONDS
        lost = self._machine_lost(worker.node, error)
        if not worker.ready and not lost:
            self._count_stillborn(worker.node, error)
        return lost

    def check_served(self) -> None:
        """Stop where there has been no worker for too long."""
        if any(worker.ready for worker in self.workers):
            self._served = time.monotonic()
        elif time.monotonic() - self._served > WAIT_SECONDS:
            raise GroupingError(
                f"the cluster has had no free core for {WAIT_SECONDS:.0f} seconds; what was done "
                "is kept in the cache: add nodes (`ray status` lists them), then run again"
            )

    def has_large(self, node: Node) -> bool:
        """Whether somebody on a machine works on a large photo."""
        there = [worker for worker in self.workers if worker.node.id == node.id]
        return any(task.alone for worker in there for task in worker.tasks)

    def close(self) -> None:
        """End all workers; what is in flight is dropped."""
        for worker in self.workers:
            self._end(worker)
        self.workers = []

    def _started(self, node: Node, staff: Staff) -> tuple[Worker, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor = self._class.options(
            num_cpus=staff.cpus,
            num_gpus=staff.gpus,
            max_concurrency=CALLS,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        ).remote(self._order(staff))
        worker = Worker(actor, node, staff)
        self.workers.append(worker)
        return worker, actor.hello.remote()

    def _say_changes(self, now: dict[str, str]) -> None:
        """Log which machines have joined or are gone since the last look."""
        before, self._names = self._names, now
        for verb, ids in (("joined", now.keys() - before), ("lost", before.keys() - now)):
            for name in sorted((before | now)[id] for id in ids):
                log.info("node %s: %s", verb, name, extra={"fields": {"node": name}})

    def _machine_lost(self, node: Node, error: Exception) -> bool:
        if isinstance(error, TimeoutError):
            return False
        if isinstance(error, self._ray.exceptions.ActorUnavailableError):
            return True
        if getattr(error, "preempted", False):
            return True
        return node.id not in {alive.id for alive in living_nodes()}

    def _count_stillborn(self, node: Node, error: Exception) -> None:
        """Stop where no worker ever gets ready, instead of starting them for ever."""
        self._stillborn += 1
        if self._stillborn >= MAX_STILLBORN:
            raise GroupingError(
                f"workers end before they start on node {node.name}; is this program installed "
                f"there, with the extra 'ray'? ({one_line(error)[:MOST_OF_REASON]})"
            )

    def _end(self, worker: Worker) -> None:
        try:
            self._ray.kill(worker.actor)
        except Exception as error:  # noqa: BLE001 - the cluster may be gone already
            log.debug("a worker cannot be ended: %s", one_line(error))
