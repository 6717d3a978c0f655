"""Calls of workers: their answers as they come, or that one is overdue."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grouping.execution.on_ray.cluster import ray_module
from grouping.execution.on_ray.tasks import IN_FLIGHT, Task
from grouping.execution.on_ray.workforce import Worker

IDLE_SECONDS = 0.5  # between two looks where nobody works
WAIT_SECONDS = 1.0  # for an answer, and between two looks for what is overdue
START_SECONDS = 600.0  # that a worker has to load its networks
GRACE_SECONDS = 120.0  # see grouping.execution.workers.process_pool


@dataclass(frozen=True, eq=False)
class Call:
    """A call of an actor that has not been answered.

    Attributes:
        worker: the actor.
        task: what it is about; None for whether it is there.
        reading: whether photos are read, or analysed.
        since: seconds of a steady clock.
    """

    worker: Worker
    task: Task | None
    reading: bool
    since: float


class Calls:
    """All calls that are not answered.

    Args:
        seconds: that one photo may take.
    """

    def __init__(self, seconds: float) -> None:
        self._ray = ray_module()
        self._seconds = seconds
        self._calls: dict[Any, Call] = {}
        self._looked = time.monotonic()

    def note(
        self, worker: Worker, task: Task | None, reference: Any, *, reading: bool = False
    ) -> None:
        """Remember a call, to be asked for its answer."""
        self._calls[reference] = Call(worker, task, reading, time.monotonic())

    def forget(self, worker: Worker) -> None:
        """Wait no longer for a worker that is lost."""
        self._calls = {r: call for r, call in self._calls.items() if call.worker is not worker}

    def clear(self) -> None:
        """Wait for nobody any longer."""
        self._calls = {}

    def answers(self) -> Iterator[tuple[Call, Any]]:
        """Wait until something is answered or somebody is lost; yield calls with their answers.

        An answer is what the actor returned, or the error in its place.
        """
        for reference in self._ready():
            call = self._calls.pop(reference, None)
            if call is None:
                continue  # of a worker that was lost meanwhile
            try:
                answer: Any = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                answer = error
            yield call, answer
        for call in self._overdue():
            yield call, TimeoutError("took far too long, and")

    def _ready(self) -> list[Any]:
        """All answers that are there; where there are none, the first that comes soon."""
        pending = list(self._calls)
        if not pending:
            time.sleep(IDLE_SECONDS)
            return []
        ready, _ = self._ray.wait(pending, num_returns=len(pending), timeout=0)
        if not ready:
            ready, _ = self._ray.wait(pending, num_returns=1, timeout=WAIT_SECONDS)
        return list(ready)

    def _overdue(self) -> list[Call]:
        """Calls of hung workers; not those that were answered while this process did not look."""
        now = time.monotonic()
        if now - self._looked < WAIT_SECONDS:
            return []
        self._looked = now
        late = [r for r, call in self._calls.items() if now - call.since > self._allowed(call)]
        if not late:
            return []
        _, unanswered = self._ray.wait(late, num_returns=len(late), timeout=0)
        return [self._calls[reference] for reference in unanswered]

    def _allowed(self, call: Call) -> float:
        """Seconds after which a worker is taken for hung; one that waits for a core is not."""
        if call.task is None:
            return float("inf")
        photos = max(len(call.task.works), sum(len(task.works) for task in call.worker.tasks))
        seconds = 2 * IN_FLIGHT * self._seconds * photos + GRACE_SECONDS
        return seconds if call.worker.begun else seconds + START_SECONDS
