"""That the service stops: bodies that still come in are not waited for, what is asked is answered.

A body may take an hour to come in, an answer takes seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from grouping.service.web.refusals import RefusedRequestError

AGAIN_SECONDS = 5  # after which the next start may be there


class Stopping:
    """Used in the thread of the event loop alone.

    Attributes:
        begun: whether the service stops.
    """

    def __init__(self) -> None:
        self.begun = False
        self._waiting: set[asyncio.Timeout] = set()

    def begin(self) -> None:
        """End all that waits for bytes of a body, now and from now on."""
        self.begun = True
        for timeout in self._waiting:
            if not timeout.expired():
                timeout.reschedule(0.0)

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Raise TimeoutError in what is done here after so many seconds, or once the service stops.

        Args:
            seconds: 0 or more.
        """
        async with asyncio.timeout(0.0 if self.begun else seconds) as timeout:
            self._waiting.add(timeout)
            try:
                yield
            finally:
                self._waiting.discard(timeout)


def stopped() -> RefusedRequestError:
    """Return the refusal of a request that a stop came upon."""
    message = "the service stops; send it again in a moment"
    return RefusedRequestError(503, "stopping", message, {"Retry-After": str(AGAIN_SECONDS)})
