"""Photos handed to a cluster: what is in flight, what is to be done again, what waits its turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from grouping.execution.workers.photo_work import CHUNK, Chunk, PhotoWork, Work
from grouping.sources.photo import Photo

IN_FLIGHT = 2  # tasks a worker: one is read while one is analysed
MAX_DEATHS = 2  # of workers over one photo; the kernel may have meant another
MAX_LOSSES = 6  # of machines under one photo, which is not its fault
MOST_LARGE = 64  # that wait for their turn before others are taken


@dataclass(eq=False)
class Task:
    """Photos that one worker has at a time.

    Attributes:
        works: with their positions.
        deaths: of workers over them.
        losses: of machines under them.
        decided: SHA-256 by position of what was read and is to be analysed.
    """

    works: list[Work]
    deaths: int = 0
    losses: int = 0
    decided: dict[int, str] = field(default_factory=dict)

    @property
    def alone(self) -> bool:
        """Whether it is one large photo that may take more memory than others."""
        return any(work.alone for _, work in self.works)

    @property
    def suspect(self) -> bool:
        """Whether it is a photo that may have killed its worker."""
        return self.deaths > 0

    @property
    def unread(self) -> list[Work]:
        """Those of its photos that are to be read where they are analysed."""
        return [found for found in self.works if isinstance(found[1].photo, Photo)]

    def apart(self) -> list[Task]:
        """Return each photo as a task of its own, charged with one more death."""
        singles = [self.single(position, work) for position, work in self.works]
        return [replace(single, deaths=self.deaths + 1) for single in singles]

    def single(self, position: int, work: PhotoWork) -> Task:
        """Return one of its photos as a task of its own."""
        decided = {position: self.decided[position]} if position in self.decided else {}
        return Task([(position, work)], self.deaths, self.losses, decided)


class Tasks:
    """What is to be done: first again, then large photos one a machine, then the next chunk.

    Args:
        chunks: taken one at a time.
        large: bytes of a chunk of files beyond which one of them is large.
    """

    def __init__(self, chunks: Iterator[Chunk], large: int) -> None:
        self._chunks = chunks
        self._limit = large
        self._again: deque[Task] = deque()
        self._large: deque[Task] = deque()
        self._exhausted = False

    @property
    def suspects(self) -> bool:
        """Whether a photo that may have killed its worker waits for one without other work."""
        return any(task.suspect for task in self._again)

    @property
    def over(self) -> bool:
        """Whether there is nothing left to be handed out."""
        return self._exhausted and not self._again and not self._large

    def put_back(self, task: Task) -> None:
        """Have a task done again."""
        self._again.append(task)

    def put_large(self, single: Task) -> None:
        """Have a task of one photo done while no other large one is on its machine."""
        ((position, work),) = single.works
        self._large.append(replace(single, works=[(position, replace(work, alone=True))]))

    def next(self, *, idle: bool, large: bool, photos: int = CHUNK, size: int = 0) -> Task | None:
        """The task for a worker; None where there is none for it now.

        Args:
            idle: the worker has no other; a suspect is given to no other worker.
            large: a large photo may be given to it.
            photos: that it is given where these are new and small, about.
            size: bytes of their files that are not to be exceeded by giving it more than a chunk.
        """
        if (task := self._next_again(idle, large)) is not None:
            return task
        if self._large and large:
            return self._large.popleft()
        works: Chunk = []
        while not self._exhausted and len(self._large) < MOST_LARGE:
            works += self._next_small()
            if works and (len(works) + CHUNK > photos or _bytes_of_more(works) > size):
                break
        return Task(works) if works else None

    def _next_small(self) -> Chunk:
        """The small photos of the next chunk; its large ones are put aside."""
        chunk = next(self._chunks, None)
        if chunk is None:
            self._exhausted = True
            return []
        for found in chunk:
            if found[1].held_bytes > self._limit:
                self.put_large(Task([found]))
        return [found for found in chunk if found[1].held_bytes <= self._limit]

    def _next_again(self, idle: bool, large: bool) -> Task | None:
        for task in self._again:
            if (idle or not task.suspect) and (large or not task.alone):
                self._again.remove(task)
                return task
        return None


def _bytes_of_more(works: Chunk) -> int:
    """What photos would take with another chunk like them."""
    held = sum(work.held_bytes for _, work in works)
    return held + held * CHUNK // len(works)
