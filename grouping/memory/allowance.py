"""What the decoding of photos may take of this process's memory, whichever thread decodes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from grouping.errors import MemoryLimitError
from grouping.memory.machine import default_memory
from grouping.memory.sizes import size_text

# Of a budget, one photo gets one of so many parts at least (budget.py).
BUDGET_FOR_PHOTO = 4


class Allowance:
    """Bytes that threads share: one waits until there is room, and what never fits is refused."""

    def __init__(self) -> None:
        self._limit: int | None = None
        self._budget = 0
        self._used = 0
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """Bytes for all photos that are decoded at a time."""
        return default_memory() if self._limit is None else self._limit

    def set(self, limit: int | None, budget: int = 0) -> None:
        """Say how much there is from now on.

        Args:
            limit: bytes for decoding; None for as much as a run may take that nobody limits.
            budget: bytes of the whole run of which that is a part, for messages.
        """
        with self._changed:
            self._limit, self._budget = limit, budget
            self._changed.notify_all()

    @contextmanager
    def taken(self, needed: int, what: str) -> Iterator[None]:
        """Hold bytes while something is decoded; wait for them while others have them.

        Args:
            needed: bytes, at most.
            what: is to be decoded, for the message.

        Raises:
            MemoryLimitError: it is more than there ever is.
        """
        with self._changed:
            while self._used and self._used + needed > self.limit:
                self._changed.wait()
            if needed > self.limit:
                raise self._too_large(needed, what)
            self._used += needed
        try:
            yield
        finally:
            with self._changed:
                self._used -= needed
                self._changed.notify_all()

    def _too_large(self, needed: int, what: str) -> MemoryLimitError:
        enough = max(BUDGET_FOR_PHOTO * needed, self._budget + 2 * (needed - self.limit))
        return MemoryLimitError(
            f"decoding {what} takes about {size_text(needed)} of memory, and there are "
            f"{size_text(self.limit)} for one photo; allow more with --memory {size_text(enough)}"
        )


DECODING = Allowance()  # of this process
