"""Reading ahead of whoever works on the photos, so that waiting and working overlap."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from itertools import islice
from queue import SimpleQueue
from typing import Generic, TypeVar

from grouping.errors import ConfigError, PhotoError
from grouping.sources.photo import Photo

NAME = "read-ahead"  # of the threads
STOP_SECONDS = 0.2  # the longest that a stop goes unnoticed

T = TypeVar("T")
Task = tuple[Photo, "Future[T | PhotoError]"]


def read_ahead(
    photos: Iterable[Photo],
    read: Callable[[Photo], T],
    *,
    ahead: int = 32,
    readers: int = 8,
    stop: threading.Event | None = None,
) -> Generator[tuple[int, Photo, T | PhotoError], None, None]:
    """Yield (position, photo, ``read(photo)``) in order, with up to ``ahead`` results waiting.

    ``photos`` is asked for one photo at a time and by the caller's thread alone, so it may be
    a listing of millions. A PhotoError of ``read`` takes the place of its result; any other
    error of ``read`` or ``photos`` is raised here. Closing the generator, an error or Ctrl-C
    drops what waits; reads that have begun end in the background and do not hold up the exit
    of the program.

    Args:
        photos: what to read.
        read: called in threads, ``readers`` at a time.
        ahead: bound on the results held, and so on memory.
        readers: threads, and so reads at a time.
        stop: once set, the iteration ends, also where a read is waited for.

    Raises:
        ConfigError: ``ahead`` or ``readers`` is below 1.
    """
    if ahead < 1 or readers < 1:
        raise ConfigError(f"ahead and readers must be at least 1, got {ahead} and {readers}")
    stop = stop or threading.Event()
    return _read_ahead(iter(photos), read, ahead, min(readers, ahead), stop)


def _read_ahead(
    photos: Iterator[Photo],
    read: Callable[[Photo], T],
    ahead: int,
    readers: int,
    stop: threading.Event,
) -> Generator[tuple[int, Photo, T | PhotoError], None, None]:
    with closing(_ReadingThreads(read, readers)) as threads:
        waiting = deque(threads.begin(photo) for photo in islice(photos, ahead))
        position = 0
        while waiting:
            photo, future = waiting.popleft()
            while not future.done() and not stop.is_set():
                wait([future], timeout=STOP_SECONDS)
            if stop.is_set():
                return
            result = future.result()
            # The next read begins before the caller works on this one.
            waiting.extend(threads.begin(following) for following in islice(photos, 1))
            yield position, photo, result
            position += 1


class _ReadingThreads(Generic[T]):
    """Daemon threads: those of ``concurrent.futures`` would be waited for at exit."""

    def __init__(self, read: Callable[[Photo], T], count: int) -> None:
        self._tasks: SimpleQueue[Task[T] | None] = SimpleQueue()
        self._closed = threading.Event()
        self._count = count
        for _ in range(count):
            threading.Thread(target=self._work, args=(read,), name=NAME, daemon=True).start()

    def begin(self, photo: Photo) -> Task[T]:
        """Hand a photo to the threads; its result will be in the future."""
        task: Task[T] = (photo, Future())
        self._tasks.put(task)
        return task

    def close(self) -> None:
        """Let the threads end after what each of them reads now."""
        self._closed.set()
        for _ in range(self._count):
            self._tasks.put(None)

    def _work(self, read: Callable[[Photo], T]) -> None:
        while (task := self._tasks.get()) is not None and not self._closed.is_set():
            photo, future = task
            try:
                future.set_result(read(photo))
            except PhotoError as error:
                future.set_result(error)
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                future.set_exception(error)
