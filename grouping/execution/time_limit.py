"""Work of this process with a time limit: done in a thread, which is left behind where it hangs.

C code that decodes a photo cannot be stopped from without. A thread that is left behind ends when
that code returns, and what it gave is thrown away; other threads work on meanwhile. Where work may
run in a process of its own, :mod:`grouping.execution.process_pool` ends it at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from types import TracebackType
from typing import Generic, Self, TypeVar

from grouping.errors import PhotoError

PHOTO_SECONDS = 600.0  # over a few photos, then over each alone: one that takes longer fails
WAKE_SECONDS = 0.5  # the longest that Ctrl-C goes unnoticed where waiting cannot be interrupted
NAME = "analysis"  # of the threads

T = TypeVar("T")
Call = tuple[Callable[[], T], "Future[T]"]


class OvertimeError(PhotoError):
    """Work that took longer than it may."""


class TimedThread(Generic[T]):
    """One thread that does what it is told, for no longer than a limit; a context manager.

    A caller waits for each call. After one that took too long, the next has a new thread.

    Args:
        seconds: for each call; None is ``PHOTO_SECONDS``.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = PHOTO_SECONDS if seconds is None else seconds
        self._calls: SimpleQueue[Call[T] | None] | None = None

    def __call__(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns, or raise what it raises.

        Raises:
            OvertimeError: it has not returned in time.
        """
        future: Future[T] = Future()
        self._queue().put((work, future))
        left = self._seconds
        while not future.done() and left > 0:
            wait([future], timeout=min(WAKE_SECONDS, left))
            left -= WAKE_SECONDS
        if not future.done():
            self.close()
            raise OvertimeError(f"took longer than {self._seconds:g} seconds")
        return future.result()

    def close(self) -> None:
        """Let the thread end after what it does now."""
        if self._calls is not None:
            self._calls.put(None)
            self._calls = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def _queue(self) -> SimpleQueue[Call[T] | None]:
        if self._calls is None:
            self._calls = SimpleQueue()
            # A daemon: one that hangs must not hold up the end of the program.
            threading.Thread(target=_serve, args=(self._calls,), name=NAME, daemon=True).start()
        return self._calls


def _serve(calls: SimpleQueue[Call[T] | None]) -> None:
    """Do one call after the other. Runs in the thread."""
    while (call := calls.get()) is not None:
        work, future = call
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            future.set_exception(error)
        del call, work, future  # what they hold is large
