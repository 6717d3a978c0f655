"""Workers on the nodes of a Ray cluster: who has what in flight, and who has died over it.

Ray starts a task that fails again without end, and gives up an actor that dies; here the driver
knows what each worker holds. A worker that dies over photos costs them one of two tries each, alone
on a worker of their own the second time; a machine that is lost costs them nothing.

No more than two tasks are in flight a worker, one being read and one being analysed: whoever is
slow with the results gets no more of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from grouping.errors import GroupingError, PhotoError, SourceError
from grouping.execution.on_ray.actor import Answer, Order, Read
from grouping.execution.on_ray.calls import Call, Calls
from grouping.execution.on_ray.cluster import Node
from grouping.execution.on_ray.staff import Staff
from grouping.execution.on_ray.tally import Tally
from grouping.execution.on_ray.tasks import IN_FLIGHT, MAX_DEATHS, MAX_LOSSES, Task, Tasks
from grouping.execution.on_ray.workforce import Worker, Workforce
from grouping.execution.workers.photo_work import OnRead, PhotoWork
from grouping.records import Failure, PhotoFaces
from grouping.sources.photo import LocalPhoto, MemoryPhoto, Photo

log = logging.getLogger(__name__)

# Stands for a photo that the worker has read.
HELD = MemoryPhoto(None, "held")
CHANGED = Failure("fetch", "it changed while it was worked on; run again", retryable=True)

GivenUp = Callable[[str], PhotoFaces]
Result = tuple[int, PhotoFaces]


class RayPool:
    """Analyses photos with workers on all machines of the cluster that it is connected to.

    Use as a context manager: leaving it ends the workers.

    Args:
        order: what each worker is told, given those of its machine.
        staff: the workers of a machine.
        on_read: what is to be done with a photo once its SHA-256 is known; None for nothing.
        given_up: the result for a photo that could not be worked on, from the reason.
        seconds: that one photo may take.
    """

    def __init__(
        self,
        order: Callable[[Staff], Order],
        staff: Callable[[Node], Staff],
        on_read: OnRead,
        given_up: GivenUp,
        seconds: float,
    ) -> None:
        self._force = Workforce(order, staff)
        self._on_read = on_read
        self._given_up = given_up
        self._calls = Calls(seconds)
        self._seeing: set[str] = set()  # machines that have read a file of this one
        self.tally = Tally()

    def __enter__(self) -> RayPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; what is in flight is dropped."""
        self._force.close()
        self._calls.clear()

    def map(self, tasks: Tasks) -> Iterator[Result]:
        """Work on photos; yield (position, result) as they are done.

        Raises:
            GroupingError: workers cannot start, or there is no machine left.
            SourceError: a machine does not see the files of this one.
        """
        while True:
            for worker, hello in self._force.hire():
                self._calls.note(worker, None, hello)
            self._feed(tasks)
            if tasks.over and not any(worker.tasks for worker in self._force.workers):
                return
            self._force.check_served()
            for call, answer in self._calls.answers():
                yield from self._collect(call, answer, tasks)

    def _feed(self, tasks: Tasks) -> None:
        """Give every ready worker a task, then every one a second."""
        for depth in range(IN_FLIGHT):
            for worker in self._force.workers:
                if len(worker.tasks) != depth or not worker.ready or worker.has_suspect:
                    continue
                if depth and tasks.suspects:
                    return  # who has one task will be free for a suspect
                large = not self._force.has_large(worker.node)
                task = tasks.next(
                    idle=not depth,
                    large=large,
                    photos=worker.photos,
                    size=worker.staff.budget.chunk,
                )
                if task is not None:
                    self._give(worker, task)

    def _give(self, worker: Worker, task: Task) -> None:
        worker.tasks.append(task)
        if task.unread:
            works = [_sent(*found) for found in task.unread]
            self._calls.note(worker, task, worker.actor.read.remote(works), reading=True)
        else:
            self._analyse(worker, task, [])

    def _analyse(self, worker: Worker, task: Task, known: list[int]) -> None:
        works = [_asked_for(*found) for found in task.works]
        self._calls.note(worker, task, worker.actor.analyse.remote(works, known))

    def _collect(self, call: Call, answer: Any, tasks: Tasks) -> Iterator[Result]:
        """Take an answer, or find that a worker is lost; yield what is done for good."""
        worker, task = call.worker, call.task
        if isinstance(answer, Exception) and not isinstance(answer, GroupingError):
            yield from self._lost(worker, answer, tasks)
        elif task is None:
            self._force.welcome(worker, answer)
        else:
            yield from self._taken(call, task, answer, tasks)

    def _taken(self, call: Call, task: Task, answer: Answer, tasks: Tasks) -> Iterator[Result]:
        """Take the answer to a call about a task."""
        worker = call.worker
        self.tally.spent(worker.node.name, answer.costs)
        if isinstance(answer.value, GroupingError):
            raise answer.value
        if isinstance(answer.value, str):
            worker.tasks.remove(task)
            worker.actor.drop.remote([position for position, _ in task.works])
            yield from self._retried(task, answer.value, tasks)
        elif call.reading:
            yield from self._after_read(worker, task, answer.value, tasks)
        else:
            worker.tasks.remove(task)
            worker.done += 1
            works = dict(task.works)
            for position, result in answer.value:
                single = task.single(position, works[position])
                yield from self._after_analysis(worker, single, position, result, tasks)

    def _after_read(
        self, worker: Worker, task: Task, found: list[Read], tasks: Tasks
    ) -> Iterator[Result]:
        """Have photos analysed that were read; yield those that cannot be."""
        works, known = dict(task.works), []
        for position, content in found:
            work = works.pop(position)
            if isinstance(content, Failure):
                yield from self._unread(worker, task.single(position, work), content, tasks)
                continue
            if isinstance(work.photo, LocalPhoto):
                self._seeing.add(worker.node.id)
            before = task.decided.get(position)
            if before is not None and before != content:
                known.append(position)
                yield position, PhotoFaces(failure=CHANGED)
                continue
            wanted = work if before else self._on_read(position, work, content)
            if wanted is None:
                known.append(position)
            else:
                works[position] = wanted
                task.decided[position] = content
        task.works = sorted(works.items())
        if task.works:
            self._analyse(worker, task, known)
        else:
            worker.actor.drop.remote(known)
            worker.tasks.remove(task)

    def _unread(
        self, worker: Worker, single: Task, failure: Failure, tasks: Tasks
    ) -> Iterator[Result]:
        """Yield a photo that cannot be read, unless its machine is to blame, or its size."""
        ((position, work),) = single.works
        if failure.short_of_memory and not single.alone:
            tasks.put_large(single)
            return
        self._check_seen(worker.node, work.photo, failure)
        yield position, PhotoFaces(failure=failure)

    def _check_seen(self, node: Node, photo: object, failure: Failure) -> None:
        """See to it that a machine sees the files of this one, at the first that it does not read.

        Raises:
            SourceError: it is here.
        """
        if not isinstance(photo, LocalPhoto) or failure.retryable or node.id in self._seeing:
            return
        try:
            photo.read()
        except PhotoError:
            return  # nor can it be read here
        raise SourceError(
            f"node {node.name} does not see {photo.location} ({failure.reason}): keep the photos "
            "on a drive that every node has at the same place, or in S3"
        )

    def _after_analysis(
        self, worker: Worker, single: Task, position: int, result: PhotoFaces, tasks: Tasks
    ) -> Iterator[Result]:
        """Yield a result, unless the photo has to be looked at again with more memory."""
        failure = result.failure
        if failure is not None and failure.short_of_memory and not single.alone:
            tasks.put_large(single)
            return
        self.tally.count(worker.node.name, result)
        yield position, result

    def _lost(self, worker: Worker, error: Exception, tasks: Tasks) -> Iterator[Result]:
        """Have what a worker had in flight done again; who has died over what is remembered."""
        if worker not in self._force.workers:
            return
        self._calls.forget(worker)
        machine = self._force.let_go(worker, error)
        for task in worker.tasks:
            if machine:
                yield from self._moved(task, tasks)
            else:
                hung = f"{error} " if isinstance(error, TimeoutError) else ""
                yield from self._retried(task, f"{hung}the process working on it was killed", tasks)

    def _moved(self, task: Task, tasks: Tasks) -> Iterator[Result]:
        """Have a task done on another machine; give it up where that never ends."""
        task.losses += 1
        if task.losses < MAX_LOSSES:
            tasks.put_back(task)
            return
        reason = f"the machine working on it was lost, {task.losses} times"
        for position, _ in task.works:
            yield position, self._given_up(reason)

    def _retried(self, task: Task, reason: str, tasks: Tasks) -> Iterator[Result]:
        """Put the photos of a failed task back one by one; give up those that failed before."""
        for single in task.apart():
            if single.deaths < MAX_DEATHS:
                tasks.put_back(single)
            else:
                yield single.works[0][0], self._given_up(f"{reason}, {single.deaths} times")


def _sent(position: int, work: PhotoWork) -> tuple[int, PhotoWork]:
    """Return what is sent of a photo: where it is, in place of what the driver knows of it."""
    if isinstance(work.photo, Photo):
        work = replace(work, photo=work.photo.for_elsewhere(), fingerprint=None)
    return position, work


def _asked_for(position: int, work: PhotoWork) -> tuple[int, PhotoWork]:
    """Return what is sent of a photo that is to be analysed: no place, where the worker has it."""
    if isinstance(work.photo, Photo):
        work = replace(work, photo=HELD, fingerprint=None)
    return position, work
