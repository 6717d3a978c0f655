"""An answer of the store that is good for a moment, however often it is asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """What a function gave last, asked anew once it is too old; any thread may call.

    Args:
        ask: is called by one thread at a time.
        seconds: that an answer is good for.
        clock: seconds, never backwards.
    """

    def __init__(
        self,
        ask: Callable[[], T],
        seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._seconds, self._clock = ask, seconds, clock
        self._lock = threading.Lock()
        self._last: tuple[T, float] | None = None

    def __call__(self) -> T:
        """Return the answer.

        Raises:
            Whatever the function raises, of which nothing is remembered.
        """
        with self._lock:
            if self._last is None or self._clock() - self._last[1] >= self._seconds:
                self._last = self._ask(), self._clock()
            return self._last[0]
