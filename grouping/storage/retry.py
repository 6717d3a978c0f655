"""One way to try again: exponential backoff with jitter inside a total time limit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from grouping.errors import FetchError, ThrottledError

T = TypeVar("T")

FIRST_PAUSE = 0.2  # seconds; most dropped connections are well again at once
LONGEST_PAUSE = 10.0


class Deadline:
    """A point in time by which all tries together must have ended."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, 0 when over."""
        return max(0.0, self._end - time.monotonic())

    def error(self) -> FetchError:
        """What to raise when it has passed."""
        return FetchError(f"took longer than {self.seconds:g} seconds", retryable=True)


def with_retries(operation: Callable[[], T], attempts: int, deadline: Deadline) -> T:
    """Call ``operation`` until it returns, fails for good, or tries or time run out.

    The pause before try ``n`` is drawn between half and all of ``FIRST_PAUSE * 2**(n - 1)``,
    so that clients that failed together do not come back together.

    Raises:
        FetchError: the last one.
    """
    for attempt in range(attempts):
        try:
            return operation()
        except FetchError as error:
            pause = _pause(attempt, error)
            if not error.retryable or attempt == attempts - 1 or pause >= deadline.remaining:
                raise
        time.sleep(pause)
    raise ValueError("attempts must be at least 1")


def _pause(attempt: int, error: FetchError) -> float:
    backoff = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**attempt) * random.uniform(0.5, 1.0)
    return max(backoff, error.retry_after) if isinstance(error, ThrottledError) else backoff
