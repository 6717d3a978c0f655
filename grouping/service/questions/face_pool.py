"""The threads that look at faces for all requests: bounded at work, and bounded in waiting."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from grouping.api.cores import take_share
from grouping.errors import GroupingError
from grouping.service.web.refusals import RefusedRequestError, too_many

log = logging.getLogger(__name__)

T = TypeVar("T")

BUSY = "the service is at as many photos as it can take; ask again in a moment"
LATE = "the photo took too long, as the service is busy; ask again in a moment"
AGAIN_SECONDS = 1.0
SHARE_OF_LINK = 4


class FacePool:
    """Threads for questions about faces.

    Args:
        threads: that work at a time; each has its share of the cores.
        places: requests that are at work, wait, or send their photos, and so hold memory.
        seconds: that one may wait and work.
    """

    def __init__(self, threads: int, places: int, seconds: float) -> None:
        self._threads = ThreadPoolExecutor(
            threads, "questions", initializer=take_share, initargs=(threads,)
        )
        self._places, self._seconds = places, seconds
        self._taken = 0
        self._by_link: Counter[str | None] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def place(self, link: str | None = None) -> Iterator[None]:
        """Hold a place, from before the photos are read.

        Args:
            link: id of the link of a guest, which may hold a share of the places only: whoever has
                it could keep all of them by sending slowly.

        Raises:
            RefusedRequestError: 429: all are taken.
        """
        with self._lock:
            most = max(1, self._places // SHARE_OF_LINK)
            if self._taken >= self._places or (link and self._by_link[link] >= most):
                raise too_many(BUSY, AGAIN_SECONDS, "busy")
            self._taken += 1
            self._by_link[link] += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1
                self._by_link[link] -= 1
                self._by_link += Counter()  # only what is held stays

    async def run(self, work: Callable[[], T]) -> T:
        """Return what work in one of the threads gives.

        Raises:
            RefusedRequestError: 503: it took too long; what waits is dropped, what is at work ends
                by itself within the seconds a photo may take.
        """
        done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            async with asyncio.timeout(self._seconds):
                return await done
        except TimeoutError:
            headers = {"Retry-After": str(int(AGAIN_SECONDS))}
            raise RefusedRequestError(503, "unavailable", LATE, headers) from None

    def begin(self, work: Callable[[], object]) -> None:
        """Have work done before that of the first request; what fails is logged, nobody waits."""
        self._threads.submit(_logged, work)

    def stop(self) -> None:
        """End: what is at work is finished, what waits is dropped."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def _logged(work: Callable[[], object]) -> None:
    try:
        work()
    except GroupingError as error:
        log.error("questions cannot be answered: %s", error)
