"""The schedule of a run on a cluster, played event by event.

As :mod:`grouping.execution.on_ray.pool` has it: each worker holds two tasks of a few photos, one
being read and one being analysed, and of more photos once it has done many; the driver, one thread,
takes the answer to each step in turn. A machine that is lost has its tasks done again, and another
one comes in its place.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from grouping.execution.on_ray.actor import READERS
from grouping.execution.on_ray.tasks import IN_FLIGHT
from grouping.execution.on_ray.workforce import MOST_PHOTOS, STEADY
from grouping.execution.workers.photo_work import CHUNK

WARM_TASKS = 20  # a worker, played before the rate is taken from as many again


@dataclass(frozen=True)
class Cluster:
    """Machines of one kind.

    Attributes:
        nodes: of them.
        workers: of each, one a core.
        start: seconds that a worker takes to be ready.
        latency: seconds until the first byte of a photo comes.
        stream: bytes a second of one download.
        link: bytes a second of a machine.
        cores: that all workers and the driver share, on one machine; None where each has its own.
        replaced: seconds until another machine stands in for one that was lost.
        noticed: seconds until it is known that a machine was lost.
    """

    nodes: int
    workers: int = 1
    start: float = 0.0
    latency: float = 0.0
    stream: float = float("inf")
    link: float = float("inf")
    cores: int | None = None
    replaced: float = 0.0
    noticed: float = 0.0


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Attributes:
        photos: how many.
        seconds: of a core, to analyse one.
        size: bytes of one.
        driver_read: seconds of the driver for the answer that a task was read.
        driver_done: seconds of the driver for the results of a task.
        lost: (seconds, node) at which machines die.
        chunk: photos of a worker's first tasks; what a task costs the driver is told of these.
    """

    photos: int
    seconds: float
    size: float = 0.0
    driver_read: float = 0.0
    driver_done: float = 0.0
    lost: tuple[tuple[float, int], ...] = ()
    chunk: int = CHUNK


class Outcome(NamedTuple):
    """What came of it.

    Attributes:
        seconds: from the start of the workers to the last result.
        driver: share of them that the driver worked.
        workers: share that the workers analysed.
        read: bytes that were read, again ones too.
        again: tasks that were done again.
    """

    seconds: float
    driver: float
    workers: float
    read: float
    again: int


def simulate(job: Job, cluster: Cluster) -> Outcome:
    """Play a job: in whole where it is small, else its beginning, whose rate the rest keeps."""
    tasks = cluster.nodes * cluster.workers * WARM_TASKS
    few, many = tasks * job.chunk, 2 * tasks * job.chunk
    if job.photos <= many or job.lost:
        return _Play(job, cluster).run()
    first = _Play(replace(job, photos=few), cluster).run()
    second = _Play(replace(job, photos=many), cluster).run()
    rate = (many - few) / (second.seconds - first.seconds)
    seconds = second.seconds + (job.photos - many) / rate
    cores = cluster.nodes * cluster.workers
    per_photo = (job.driver_read + job.driver_done) / job.chunk
    return Outcome(
        seconds,
        job.photos * per_photo / seconds,
        job.photos * job.seconds / (cores * seconds),
        job.photos * job.size,
        0,
    )


@dataclass(eq=False)
class _Worker:
    """One worker: whether it lives, the sizes of its tasks, and which wait to be analysed."""

    node: int
    alive: bool = True
    ready: bool = False
    busy: bool = False
    tasks: list[int] = field(default_factory=list)
    waiting: deque[int] = field(default_factory=deque)
    done: int = 0


class _Play:
    """One job on one cluster."""

    def __init__(self, job: Job, cluster: Cluster) -> None:
        self._job, self._cluster = job, cluster
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._left, self._done = job.photos, 0
        self._driver_free = self._driver_busy = self._analysed = self._bytes = 0.0
        self._again = 0
        self._reading = [0] * cluster.nodes
        self._workers: list[_Worker] = []

    def run(self) -> Outcome:
        for node in range(self._cluster.nodes):
            self._hire(node)
        for seconds, node in self._job.lost:
            self._at(seconds, partial(self._lose, node))
        while self._done < self._job.photos:
            self._now, _, event = heapq.heappop(self._events)
            event()
        cores = self._cluster.nodes * self._cluster.workers
        return Outcome(
            self._now,
            self._driver_busy / self._now,
            self._analysed / (cores * self._now),
            self._bytes,
            self._again,
        )

    def _at(self, time: float, event: Callable[[], None], worker: _Worker | None = None) -> None:
        """Have something happen, unless the worker that it happens to is lost before."""

        def unless_lost() -> None:
            if worker is None or worker.alive:
                event()

        self._number += 1
        heapq.heappush(self._events, (time, self._number, unless_lost))

    def _driven(self, seconds: float) -> float:
        """When the driver, who does one thing after the other, will have done this too."""
        self._driver_free = max(self._driver_free, self._now) + seconds
        self._driver_busy += seconds
        return self._driver_free

    def _hire(self, node: int) -> None:
        for _ in range(self._cluster.workers):
            worker = _Worker(node)
            self._workers.append(worker)
            ready = self._now + self._cluster.start
            self._at(ready, partial(self._welcome, worker), worker)

    def _welcome(self, worker: _Worker) -> None:
        worker.ready = True
        for _ in range(IN_FLIGHT):
            self._give(worker)

    def _give(self, worker: _Worker) -> None:
        """Have a worker read the next photos."""
        size = min(MOST_PHOTOS, self._job.chunk * (1 + worker.done // STEADY))
        count = min(size, self._left)
        if count:
            self._left -= count
            worker.tasks.append(count)
            self._reading[worker.node] += 1
            self._bytes += count * self._job.size
            end = self._now + self._read_seconds(worker.node, count)
            self._at(end, partial(self._have_read, worker, count), worker)

    def _read_seconds(self, node: int, count: int) -> float:
        cluster = self._cluster
        streams = min(READERS, count) * cluster.stream
        rate = min(streams, cluster.link / self._reading[node])
        return cluster.latency * -(-count // READERS) + count * self._job.size / rate

    def _have_read(self, worker: _Worker, count: int) -> None:
        self._reading[worker.node] -= 1

        def wanted() -> None:
            worker.waiting.append(count)
            self._analyse(worker)

        seconds = self._job.driver_read * count / self._job.chunk
        self._at(self._driven(seconds), wanted, worker)

    def _analyse(self, worker: _Worker) -> None:
        if worker.busy or not worker.waiting:
            return
        worker.busy, count = True, worker.waiting.popleft()
        end = self._now + count * self._job.seconds * self._slower()
        self._at(end, partial(self._have_analysed, worker, count), worker)

    def _slower(self) -> float:
        """How much longer workers take that share their cores with the driver."""
        if self._cluster.cores is None:
            return 1.0
        workers = sum(worker.ready for worker in self._workers)
        driver = min(self._driver_busy / self._now, 1.0)
        return max(1.0, (workers + driver) / self._cluster.cores)

    def _have_analysed(self, worker: _Worker, count: int) -> None:
        self._analysed += count * self._job.seconds
        worker.busy = False

        def kept() -> None:
            worker.tasks.remove(count)
            worker.done += 1
            self._done += count
            self._give(worker)

        seconds = self._job.driver_done * count / self._job.chunk
        self._at(self._driven(seconds), kept, worker)
        self._analyse(worker)

    def _lose(self, node: int) -> None:
        """Lose a machine; what it had in flight is done again once that is noticed."""
        lost = [worker for worker in self._workers if worker.node == node]
        for worker in lost:
            worker.alive = False
        self._workers = [worker for worker in self._workers if worker.alive]
        self._reading[node] = 0

        def noticed() -> None:
            self._again += sum(len(worker.tasks) for worker in lost)
            self._left += sum(sum(worker.tasks) for worker in lost)
            for worker in self._workers:  # who has run out of work
                while worker.ready and len(worker.tasks) < IN_FLIGHT and self._left:
                    self._give(worker)

        self._at(self._now + self._cluster.noticed, noticed)
        if self._cluster.replaced < float("inf"):
            self._at(self._now + self._cluster.replaced, partial(self._hire, node))
