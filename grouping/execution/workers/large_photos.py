"""Large photos among others: one at a time, whatever the number of processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

from grouping.execution.workers.photo_work import Chunk, PhotoWork, Work
from grouping.memory.budget import MemoryBudget
from grouping.records import PhotoFaces


class OneLargeAtATime:
    """Chunks for worker processes: large photos go alone, each once the one before is done.

    A photo is large by its file, or where a worker says that decoding it takes more than its usual
    share. An iterator that may have no chunk for now and one later, once a result has come.

    Args:
        chunks: taken one at a time.
        budget: what is large, and how much of it may wait.
    """

    def __init__(self, chunks: Iterator[Chunk], budget: MemoryBudget) -> None:
        self._chunks = chunks
        self._budget = budget
        self._large: deque[Work] = deque()  # wait for their turn
        self._alone: int | None = None  # the position of the one that is worked on
        self._sent: dict[int, PhotoWork] = {}

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Chunk:
        while self._alone is not None or not self._large:
            if sum(work.held_bytes for _, work in self._large) > self._budget.ahead:
                raise StopIteration  # for now: the large ones come first
            if small := self._small_of(next(self._chunks)):
                self._sent.update(small)
                return small
        position, work = self._large.popleft()
        self._alone = position
        return [(position, replace(work, alone=True))]

    def is_done(self, position: int, result: PhotoFaces) -> bool:
        """Take note of a result; False where the photo has to be looked at again, alone."""
        work = self._sent.pop(position, None)
        if position == self._alone:
            self._alone = None
        elif work is not None and result.failure is not None and result.failure.short_of_memory:
            self._large.append((position, work))
            return False
        return True

    def _small_of(self, chunk: Chunk) -> Chunk:
        """Put the large files of a chunk aside, and return the rest."""
        large = [found for found in chunk if found[1].held_bytes > self._budget.chunk]
        self._large.extend(large)
        return [found for found in chunk if found[1].held_bytes <= self._budget.chunk]
