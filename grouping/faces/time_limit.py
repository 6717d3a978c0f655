"""How long one photo may take: a limit that is looked at between the steps of the work.

Nothing is stopped from outside. A thread that is left behind within C code can end the whole
program when it exits, and a process for each photo would cost more than most photos do. So the
steps look at the time themselves (:func:`check_time`): each pass of a network, each block of crops,
each block of a file that a decoder asks for (:class:`TimedBytes`). What a decoder does in one call
is bounded by pixels instead, see :mod:`grouping.faces.file_formats.opening`; worker processes are
killed where even that takes for ever (:mod:`grouping.execution.workers.process_pool`).

The limit is the thread's own: stages need not hand it on to each other. So is the clock: what
counts is what the thread computes, not what it waits for. A run that was stopped with Ctrl-Z, or
shares its cores with others, has no slow photos for that.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar

from grouping.config import PHOTO_SECONDS
from grouping.cores import usable_cores
from grouping.errors import PhotoTimeError


class TimeLimit:
    """The time that one photo may take; it runs while the photo is worked on.

    Args:
        seconds: that the thread computes; what :func:`seconds_a_photo` says where None.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = allowed_seconds() if seconds is None else seconds
        self._left = self.seconds
        self._since = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have the time run, and :func:`check_time` look at it, until the block is left."""
        self._since = time.thread_time()
        outer = _running.set(self)
        try:
            yield
        finally:
            _running.reset(outer)
            self._left -= time.thread_time() - self._since

    def check(self) -> None:
        """Raise PhotoTimeError where the time is over."""
        if time.thread_time() - self._since >= self._left:
            raise PhotoTimeError(
                f"took longer than the {self.seconds:g} seconds that a photo may take "
                "(--photo-seconds)"
            )


_running: ContextVar[TimeLimit | None] = ContextVar("running", default=None)
_allowed: ContextVar[float] = ContextVar("allowed", default=PHOTO_SECONDS)


@contextmanager
def seconds_a_photo(seconds: float) -> Iterator[None]:
    """Have every limit that is made in this thread within the block be of so many seconds."""
    before = _allowed.set(seconds)
    try:
        yield
    finally:
        _allowed.reset(before)


def allowed_seconds() -> float:
    """Return what :func:`seconds_a_photo` said in this thread."""
    return _allowed.get()


def allow_seconds(seconds: float) -> None:
    """Have every limit be of so many seconds that this thread makes: a thread of a pool."""
    _allowed.set(seconds)


@contextmanager
def photo_threads(most: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that work on photos, each within the limit of this one; at most one a core.

    What has not begun when the block is left is dropped.
    """
    count, seconds = min(most, usable_cores()), allowed_seconds()
    threads = ThreadPoolExecutor(count, initializer=allow_seconds, initargs=(seconds,))
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)


@contextmanager
def some_limit() -> Iterator[None]:
    """Have the limit that is running go on, or a new one begin where there is none."""
    if _running.get() is not None:
        yield
        return
    with TimeLimit().running():
        yield


def check_time() -> None:
    """Look at the limit that is running, if there is one.

    Raises:
        PhotoTimeError: the photo that is worked on has taken too long.
    """
    limit = _running.get()
    if limit is not None:
        limit.check()


class TimedBytes(io.BytesIO):
    """The bytes of a file for a decoder; each time it asks for more, the time is looked at."""

    def read(self, size: int | None = -1, /) -> bytes:
        """See :meth:`io.BytesIO.read`.

        Raises:
            PhotoTimeError: the photo has taken too long.
        """
        check_time()
        return super().read(size)
