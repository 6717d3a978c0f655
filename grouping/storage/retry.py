"""Trying again: what is worth it, and backoff with jitter inside a total time limit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from grouping.errors import ConfigError, FetchError, ThrottledError

T = TypeVar("T")

FIRST_PAUSE = 0.2  # seconds; most dropped connections are well again at once
LONGEST_PAUSE = 10.0
# HTTP answers after which a later try may succeed, of web servers, of S3, and of Cloudflare where
# it cannot reach the server behind it (520 to 524).
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 525)})


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


def check_positive(options: object, *names: str) -> None:
    """Refuse limits (tries, seconds) that are not above 0.

    Args:
        options: holds the limits.
        names: of its attributes.

    Raises:
        ConfigError: one is not; the message names it.
    """
    for name in names:
        if getattr(options, name) <= 0:
            raise ConfigError(f"{name} must be above 0, got {getattr(options, name)}")


def _pause(attempt: int, error: FetchError) -> float:
    backoff = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0**attempt) * random.uniform(0.5, 1.0)
    return max(backoff, error.retry_after) if isinstance(error, ThrottledError) else backoff
