"""Where the time of a run goes: seconds by stage, over all of its processes.

Nothing is measured unless somebody asks with :func:`measure_stages`; a stage costs next to nothing
then. Stages do not lie inside of each other, so that their seconds add up.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import SynchronizedArray

# In the order in which a photo passes them; those of the whole album come last.
STAGES = (
    *("start", "read", "decode", "search", "judge", "embed", "keep"),
    *("calibrate", "group", "attributes", "map", "pictures"),
)
COLUMNS = 3  # calls, seconds, CPU seconds


@dataclass(frozen=True)
class StageCost:
    """What one stage took.

    Attributes:
        stage: one of ``STAGES``.
        calls: how often it was begun.
        seconds: from begin to end, summed over calls; several processes and threads at once count
            each.
        cpu_seconds: that its process computed meanwhile, the threads of a network's library and
            whatever else ran beside it included.
    """

    stage: str
    calls: int
    seconds: float
    cpu_seconds: float


class StageClock:
    """Sums by stage in memory that worker processes share; may be handed to one as it starts."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._sums: SynchronizedArray[float] = context.Array("d", COLUMNS * len(STAGES))

    def add(self, stage: str, seconds: float, cpu_seconds: float, calls: int = 1) -> None:
        """Count one call of a stage, or what another clock has counted."""
        first = COLUMNS * STAGES.index(stage)
        with self._sums.get_lock():
            for offset, value in enumerate((float(calls), seconds, cpu_seconds)):
                self._sums[first + offset] += value

    def costs(self) -> list[StageCost]:
        """Of the stages that were begun at all, in their order."""
        return self._costs(self._sums[:])

    def taken(self) -> tuple[StageCost, ...]:
        """The same since the last time it was taken."""
        with self._sums.get_lock():
            sums = self._sums[:]
            self._sums[:] = [0.0] * len(sums)
        return tuple(self._costs(sums))

    @staticmethod
    def _costs(sums: list[float]) -> list[StageCost]:
        rows = [sums[i : i + COLUMNS] for i in range(0, len(sums), COLUMNS)]
        return [
            StageCost(stage, int(calls), seconds, cpu)
            for stage, (calls, seconds, cpu) in zip(STAGES, rows, strict=True)
            if calls
        ]


_clock: StageClock | None = None  # of this process


def measure_stages(clock: StageClock | None) -> None:
    """Have the stages of this process counted by a clock from now on; None ends it."""
    global _clock
    _clock = clock


def stage_clock() -> StageClock | None:
    """The clock of this process, to be handed to one that it starts."""
    return _clock


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count what is done inside as a stage."""
    clock = _clock
    if clock is None:
        yield
        return
    start, cpu_start = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        clock.add(name, time.perf_counter() - start, time.process_time() - cpu_start)
