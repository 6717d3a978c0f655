"""Worker processes that survive the death of one of them.

Python's own pools give up all pending work when a process is killed (by the kernel for memory,
by a decoder's crash). Here the parent knows what each worker holds: work of a dead worker is
done again, item by item, and an item that kills its worker twice is reported and left out.

Processes are started by spawn, so that this works inside threaded programs and on every system.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, TypeVar

from grouping.errors import GroupingError, PhotoError, one_line

In = TypeVar("In")
Out = TypeVar("Out")
Work = Callable[[list[In]], list[Out]]

MAX_DEATHS = 2  # of processes over one item; the kernel may have meant another
MAX_STILLBORN = 3  # processes in a row that end before they are ready for work
READY = "ready"  # the first message of a process
ITEM_SECONDS = 120.0  # that one item may take, see ProcessPool
# Work keeps to that limit itself, but may do the items of a task twice to find the slow one. Who is
# silent for longer, and this besides for loading, is taken for hung and killed.
GRACE_SECONDS = 120.0
START_SECONDS = 600.0  # that a process has to be ready
STOP_SECONDS = 5.0  # that processes have to end by themselves


@dataclass
class _Task(Generic[In]):
    """Items with their positions, and how many workers died over them."""

    items: list[tuple[int, In]]
    deaths: int = 0

    def apart(self) -> list[_Task[In]]:
        """Return each item as a task of its own, charged with one more death."""
        return [_Task([item], self.deaths + 1) for item in self.items]


@dataclass
class _Worker(Generic[In]):
    """A process, the pipe to it, and what it works on since when (seconds of a steady clock)."""

    process: SpawnProcess
    pipe: Connection
    task: _Task[In] | None = None
    since: float = 0.0
    ready: bool = False
    hung: bool = False


class ProcessPool(Generic[In, Out]):
    """Runs one function over lists of items in several processes.

    Use as a context manager: leaving it ends the processes.

    Args:
        start: called once in each process; gives the function that works. Must be picklable.
        count: processes.
        given_up: the result for an item that could not be worked on, from the reason.
        item_seconds: that one item may take.
        warm_up: called in each process before its first task, while the parent does other things.
            Must be picklable.
    """

    def __init__(
        self,
        start: Callable[[], Work[In, Out]],
        count: int,
        given_up: Callable[[str], Out],
        item_seconds: float = ITEM_SECONDS,
        warm_up: Callable[[], None] | None = None,
    ) -> None:
        self._item_seconds = item_seconds
        self._warm_up = warm_up
        self._start = start
        self._given_up = given_up
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker[In]] = []
        self._stillborn = 0
        try:
            self._workers = [self._launch() for _ in range(count)]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ProcessPool[In, Out]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers."""
        return [w.process.pid for w in self._workers if w.process.pid is not None]

    def map(self, chunks: Iterable[list[tuple[int, In]]]) -> Iterator[tuple[int, Out]]:
        """Work on chunks of (position, item); yield (position, result) as they are done.

        No more chunks are taken from the iterable than there are idle workers. Closing the
        generator leaves what is in flight unfinished.

        Raises:
            GroupingError: a worker cannot start.
        """
        source = iter(chunks)
        again: deque[_Task[In]] = deque()
        while True:
            self._feed(source, again)
            busy = [w for w in self._workers if w.task is not None]
            if not busy:
                return
            for worker in self._ready(busy):
                yield from self._collect(worker, again)

    def close(self) -> None:
        """End the processes; those that do not answer are killed."""
        for worker in self._workers:
            try:
                worker.pipe.send(None)
            except (OSError, ValueError):
                continue  # it is dead already
            finally:
                worker.pipe.close()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in self._workers:
            if worker.task is None:
                worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers = []

    def _launch(self) -> _Worker[In]:
        """Start one process; ``start`` is called with its first task."""
        ours, theirs = self._context.Pipe()
        said = (theirs, self._start, self._warm_up)
        process = self._context.Process(target=_serve, args=said, daemon=True)
        with _signals_held_back():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _feed(self, source: Iterator[list[tuple[int, In]]], again: deque[_Task[In]]) -> None:
        """Give every idle worker a task: what is to be done again first, then the next chunk."""
        for worker in self._workers:
            if worker.task is not None:
                continue
            task = again.popleft() if again else None
            if task is None:
                chunk = next(source, None)
                task = None if chunk is None else _Task(chunk)
            if task is None:
                return
            worker.task, worker.since = task, time.monotonic()
            try:
                worker.pipe.send([item for _, item in task.items])
            except OSError:
                continue  # it died idle; _collect finds out and does the task again

    def _ready(self, busy: list[_Worker[In]]) -> list[_Worker[In]]:
        """Wait until a worker has answered, died or hung."""
        pipes = {w.pipe: w for w in busy}
        answered = wait(list(pipes), timeout=1.0)
        for worker in busy:
            limit = self._task_seconds(worker) if worker.ready else START_SECONDS
            if time.monotonic() - worker.since > limit:
                worker.process.kill()
                worker.hung = True
        return [pipes[pipe] for pipe in answered if isinstance(pipe, Connection)]

    def _task_seconds(self, worker: _Worker[In]) -> float:
        """Return after how long a worker is taken for hung."""
        assert worker.task is not None
        return 2 * self._item_seconds * len(worker.task.items) + GRACE_SECONDS

    def _collect(self, worker: _Worker[In], again: deque[_Task[In]]) -> Iterator[tuple[int, Out]]:
        """Take a worker's answer, or find that it has died; yield what is done for good."""
        task = worker.task
        assert task is not None
        try:
            answer = worker.pipe.recv()
        except (EOFError, OSError):
            self._replace(worker)
            if worker.ready:
                reason = "took far too long, and" if worker.hung else ""
                reason = f"{reason} the process working on it was killed".strip()
                yield from self._retried(task, again, reason)
            else:
                self._count_stillborn()
                again.append(task)
            return
        if not worker.ready:
            worker.ready, self._stillborn = answer == READY, 0
            worker.since = time.monotonic()  # a slow start is no slow photo
            return
        worker.task = None
        if isinstance(answer, GroupingError):
            raise answer
        if isinstance(answer, str):
            yield from self._retried(task, again, answer)
        else:
            for (position, _), result in zip(task.items, answer, strict=True):
                yield position, result

    def _retried(
        self, task: _Task[In], again: deque[_Task[In]], reason: str
    ) -> Iterator[tuple[int, Out]]:
        """Put the items of a failed task back one by one; give up those that failed before."""
        for single in task.apart():
            if single.deaths < MAX_DEATHS:
                again.append(single)
            else:
                yield single.items[0][0], self._given_up(f"{reason}, {single.deaths} times")

    def _count_stillborn(self) -> None:
        """Stop where no process ever gets ready, instead of starting them for ever."""
        self._stillborn += 1
        if self._stillborn >= MAX_STILLBORN:
            raise GroupingError(
                "worker processes end before they start: a program that asks for workers must "
                'run its work under `if __name__ == "__main__":`; or use workers=0'
            )

    def _replace(self, worker: _Worker[In]) -> None:
        """Start a process in the place of one that has died."""
        worker.pipe.close()
        worker.process.join()
        self._workers[self._workers.index(worker)] = self._launch()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Have processes that are started meanwhile never see Ctrl-C or SIGTERM.

    Both go to all processes of a terminal or a service; they are the parent's to handle, which gets
    them as soon as the process is started. A process inherits what is blocked, so that it is deaf
    from its first instruction on.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the first start does, and unblocks both after it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(
    pipe: Connection, start: Callable[[], Work[Any, Any]], warm_up: Callable[[], None] | None
) -> None:
    """Work until told to stop. Runs in the worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    work: Work[Any, Any] | None = None
    try:
        pipe.send(READY)
        if warm_up is not None:
            warm_up()
        while (items := pipe.recv()) is not None:
            work = work or _started(start)
            pipe.send(_attempt(work, items))
    except GroupingError as error:
        pipe.send(error)
    except (EOFError, OSError):
        return  # the parent is gone
    finally:
        os._exit(0)  # nothing to clean up, and native threads cannot hold up the exit


def _started(start: Callable[[], Work[Any, Any]]) -> Work[Any, Any]:
    """Call ``start``; an error that nobody foresaw becomes one that ends the run."""
    try:
        return start()
    except GroupingError:
        raise
    except Exception as error:
        raise GroupingError(f"a worker process cannot start: {one_line(error)}") from error


def _attempt(work: Work[Any, Any], items: list[Any]) -> list[Any] | str:
    """Return the results of a task, or the reason why there are none."""
    try:
        return work(items)
    except PhotoError as error:
        return str(error)
    except GroupingError:
        raise
    except Exception as error:  # noqa: BLE001 - becomes the reason in the photo's report
        return one_line(error)
