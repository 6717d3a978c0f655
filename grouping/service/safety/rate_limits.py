"""How often one caller may ask: a token bucket for each, in bounded memory.

The buckets are those of one process: where several serve one store, each allows the rate.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class _Bucket:
    tokens: float
    at: float  # seconds of the clock, when there were so many


class TokenBuckets:
    """A bucket for each caller, filled at an even rate; any thread may take from them.

    Args:
        per_minute: tokens that flow into each.
        burst: tokens that one holds; what a caller who was quiet may take at once.
        most: callers that are kept; of more, the one that asked longest ago is forgotten, and
            starts with a full bucket. Names of keys and links were checked before: nobody can make
            up some to push others out.
        clock: seconds, never backwards.
    """

    def __init__(
        self,
        per_minute: float,
        burst: float,
        most: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = per_minute / 60.0
        self._burst = float(burst)
        self._most = most
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, name: str, tokens: float = 1.0) -> float:
        """Take tokens of a caller.

        Args:
            name: of the caller.
            tokens: how many; at most ``burst``.

        Returns:
            0.0 where there were enough; else none was taken, and in so many seconds there will be.
        """
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(name, _Bucket(self._burst, now))
            self._fill(bucket, now)
            self._buckets.move_to_end(name)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            if bucket.tokens < tokens:
                return (tokens - bucket.tokens) / self._rate
            bucket.tokens -= tokens
            return 0.0

    def wait(self, name: str) -> float:
        """Return in how many seconds a caller has a token; 0.0 for now. None is taken."""
        with self._lock:
            bucket = self._buckets.get(name)
            if bucket is None:
                return 0.0
            self._fill(bucket, self._clock())
            return max(0.0, 1.0 - bucket.tokens) / self._rate

    def _fill(self, bucket: _Bucket, now: float) -> None:
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
        bucket.at = now
