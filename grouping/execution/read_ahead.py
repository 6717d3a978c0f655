"""Reading ahead of whoever works on the photos, so that waiting and working overlap."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import closing
from queue import SimpleQueue
from typing import Generic, TypeVar

from grouping.errors import ConfigError, GroupingError, PhotoError, one_line
from grouping.sources.photo import Photo

NAME = "read-ahead"  # of the threads
STOP_SECONDS = 0.2  # the longest that a stop goes unnoticed
BUDGET_BYTES = 512 * 2**20
UNKNOWN_BYTES = 64 * 2**20  # set aside for a photo that does not say how large it is

T = TypeVar("T")
Task = tuple[Photo, "Future[T | PhotoError]"]


def read_ahead(
    photos: Iterable[Photo],
    read: Callable[[Photo], T],
    *,
    ahead: int = 32,
    readers: int = 8,
    budget: int = BUDGET_BYTES,
    weigh: Callable[[T], int] | None = None,
    stop: threading.Event | None = None,
) -> Generator[tuple[int, Photo, T | PhotoError], None, None]:
    """Yield (position, photo, ``read(photo)``) in order, with results waiting within bounds.

    ``photos`` is asked for one photo at a time and by the caller's thread alone, so it may be
    a listing of millions. A PhotoError of ``read`` takes the place of its result, and so does
    whatever nobody foresaw; other errors of this package (a cache out of reach), and all of
    ``photos``, are raised here. Closing the generator, an error or Ctrl-C drops what waits; reads
    that have begun end in the background and do not hold up the exit of the program.

    Args:
        photos: what to read.
        read: called in threads, ``readers`` at a time.
        ahead: bound on the number of results that wait or are being read.
        readers: threads, and so reads at a time.
        budget: bytes that those results may take together. One is always read, however large. A
            photo that does not tell its size counts as the largest seen so far.
        weigh: bytes that a result takes; by default its length.
        stop: once set, the iteration ends, also where a read is waited for.

    Raises:
        ConfigError: ``ahead``, ``readers`` or ``budget`` is below 1.
    """
    if min(ahead, readers, budget) < 1:
        raise ConfigError(
            f"ahead, readers and budget must be at least 1, got {ahead}, {readers} and {budget}"
        )
    stop = stop or threading.Event()
    return _read_ahead(iter(photos), read, min(readers, ahead), _Bounds(ahead, budget, weigh), stop)


def _read_ahead(
    photos: Iterator[Photo],
    read: Callable[[Photo], T],
    readers: int,
    bounds: _Bounds[T],
    stop: threading.Event,
) -> Generator[tuple[int, Photo, T | PhotoError], None, None]:
    with closing(_ReadingThreads(read, readers)) as threads:
        tasks = _Tasks(photos, threads, bounds)
        position = 0
        while (task := tasks.next()) is not None:
            photo, future = task
            while not future.done() and not stop.is_set():
                wait([future], timeout=STOP_SECONDS)
            if stop.is_set():
                return
            result = future.result()
            tasks.begin()  # the next reads begin before the caller works on this one
            yield position, photo, result
            position += 1


class _Tasks(Generic[T]):
    """Photos that are read or have been, in order; no more than the bounds allow."""

    def __init__(
        self, photos: Iterator[Photo], threads: _ReadingThreads[T], bounds: _Bounds[T]
    ) -> None:
        self._photos = photos
        self._following: Photo | None = None  # taken from the listing, too large to begin yet
        self._threads = threads
        self._bounds = bounds
        self._waiting: deque[Task[T]] = deque()

    def next(self) -> Task[T] | None:
        """The task whose result is due; None where there are no more photos."""
        self.begin()
        if not self._waiting:
            return None
        task = self._waiting.popleft()
        self._bounds.taken(task)
        return task

    def begin(self) -> None:
        """Begin to read what there is room for."""
        while len(self._waiting) < self._bounds.ahead:
            photo = self._following or next(self._photos, None)
            if photo is None:
                return
            self._following = photo
            if self._waiting and not self._bounds.leave_room_for(photo):
                return
            task = self._threads.begin(photo)
            self._bounds.begun(task)
            self._waiting.append(task)
            self._following = None


class _Bounds(Generic[T]):
    """How many results may wait, and how many bytes they may take.

    Each result is weighed once: photos whose reading takes no time come by the thousand a second.
    """

    def __init__(self, ahead: int, budget: int, weigh: Callable[[T], int] | None) -> None:
        self.ahead = ahead
        self._budget = budget
        self._weigh = weigh or _length
        self._largest = UNKNOWN_BYTES
        self._reading: dict[Future[T | PhotoError], Photo] = {}
        self._weights: dict[Future[T | PhotoError], int] = {}  # of results that wait
        self._held = 0  # their sum

    def begun(self, task: Task[T]) -> None:
        """Take note of a photo that is being read."""
        photo, future = task
        self._reading[future] = photo

    def taken(self, task: Task[T]) -> None:
        """Take note that a photo does not wait any longer, read or not."""
        self._weigh_read()
        self._reading.pop(task[1], None)
        self._held -= self._weights.pop(task[1], 0)

    def leave_room_for(self, photo: Photo) -> bool:
        """Whether a photo may be read while others wait."""
        self._weigh_read()
        reading = sum(map(self._expected, self._reading.values()))
        return self._held + reading + self._expected(photo) <= self._budget

    def _weigh_read(self) -> None:
        """Weigh what has been read since the last time."""
        for future in [future for future in self._reading if future.done()]:
            del self._reading[future]
            self._weights[future] = weight = self._weight(future)
            self._held += weight

    def _weight(self, future: Future[T | PhotoError]) -> int:
        if future.exception() is not None or isinstance(result := future.result(), PhotoError):
            return 0
        weight = self._weigh(result)
        self._largest = max(self._largest, weight)
        return weight

    def _expected(self, photo: Photo) -> int:
        expected = photo.expected_bytes
        return self._largest if expected is None else expected


def _length(result: object) -> int:
    return len(result) if isinstance(result, bytes) else 0


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
            except GroupingError as error:
                future.set_exception(error)
            except Exception as error:  # noqa: BLE001 - one photo never ends a run
                future.set_result(PhotoError(f"cannot be read ({one_line(error)})", retryable=True))
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                future.set_exception(error)
