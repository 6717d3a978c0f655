"""Where photos are analysed: in this process, or in worker processes.

A backend is a function of the networks and of chunks of work that yields results as they are
done, in any order; a photo that cannot be analysed becomes a result with its failure, so that
every position comes out once. Closing what a backend returns ends its processes.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Self

from backbone.runtime.memory import keep_freed_memory
from grouping.config import DetectionSettings, EmbeddingSettings
from grouping.errors import GroupingError, one_line
from grouping.faces.loading import load_analyser
from grouping.faces.time_limit import allowed_seconds, seconds_a_photo
from grouping.memory.allowance import DECODING
from grouping.memory.budget import MemoryBudget
from grouping.records import Failure, PhotoFaces, UInt8

if TYPE_CHECKING:
    from grouping.execution import process_pool
    from grouping.execution.face_models import FaceModels
    from grouping.faces.photo_analyser import PhotoAnalyser


@dataclass(frozen=True, eq=False)
class PhotoWork:
    """One photo to analyse.

    Attributes:
        photo: the bytes of its file, or (h, w, 3) uint8 RGB pixels.
        known: its faces from an earlier run with another network, to be embedded again.
        pictures: small ones are to be made for a report.
        alone: whether no other large photo is worked on meanwhile, so that it may take more memory.
    """

    photo: bytes | UInt8
    known: PhotoFaces | None = None
    pictures: bool = False
    alone: bool = False

    @property
    def held_bytes(self) -> int:
        """Memory that the photo takes while it waits to be worked on."""
        return len(self.photo) if isinstance(self.photo, bytes) else self.photo.nbytes


Work = tuple[int, PhotoWork]  # a photo with its position
Chunk = list[Work]  # worked on in one pass
Results = Generator[tuple[int, PhotoFaces], None, None]  # (position, result)


def analyse_photos(models: FaceModels, chunks: Iterable[Chunk], budget: MemoryBudget) -> Results:
    """Analyse photos and yield (position, result) as they are done.

    Args:
        models: the networks.
        chunks: taken one at a time, as there is room for them.
        budget: how many processes there are, 0 for this one, and what each may take.

    Raises:
        ModelError: a checkpoint or device cannot be used.
    """
    if budget.workers:
        return analyse_in_processes(models, chunks, budget)
    return analyse_here(models, chunks)


def analyse_here(models: FaceModels, chunks: Iterable[Chunk]) -> Results:
    """See :func:`analyse_photos`: one chunk after the other, in this process."""
    for chunk in chunks:
        yield from _analyse_apart(models.analyser, chunk)


def analyse_in_processes(
    models: FaceModels, chunks: Iterable[Chunk], budget: MemoryBudget
) -> Results:
    """See :func:`analyse_photos`: a chunk a process, each process with networks of its own."""
    source = iter(chunks)
    first = next(source, None)
    if first is None:
        return  # all of it was in the cache: no process is started
    from grouping.execution.process_pool import ProcessPool

    seconds = allowed_seconds()
    start = partial(_start_worker, models.detection, models.embedding, budget, seconds)
    photos = OneLargeAtATime(chain([first], source), budget)
    with ProcessPool(start, budget.workers, given_up, item_seconds=seconds) as pool:
        for position, result in pool.map(photos):
            if photos.is_done(position, result):
                yield position, result


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


def analyse_chunk(analyser: PhotoAnalyser, works: list[PhotoWork]) -> list[PhotoFaces]:
    """Analyse photos, one result each; those whose faces are known are only embedded again."""
    pictures = any(work.pictures for work in works)
    fresh = iter(analyser([work.photo for work in works if work.known is None], pictures))
    return [
        next(fresh)
        if work.known is None
        else analyser.embed_again(work.photo, work.known, work.pictures)
        for work in works
    ]


def given_up(reason: str) -> PhotoFaces:
    """Return the result of a photo that no code foresaw, or that killed its process."""
    return PhotoFaces(failure=Failure("process", reason, retryable=True))


def _analyse_apart(analyser: PhotoAnalyser, chunk: Chunk) -> Iterator[tuple[int, PhotoFaces]]:
    """Analyse a chunk; where that raises, each photo alone, so that one fails alone."""
    try:
        results = analyse_chunk(analyser, [work for _, work in chunk])
    except GroupingError:
        raise
    except Exception as error:  # noqa: BLE001 - becomes the reason in the photo's report
        if len(chunk) == 1:
            yield chunk[0][0], given_up(one_line(error))
            return
        for single in chunk:
            yield from _analyse_apart(analyser, [single])
        return
    yield from zip((position for position, _ in chunk), results, strict=True)


def _analyse_within(
    analyser: PhotoAnalyser, budget: MemoryBudget, seconds: float, works: list[PhotoWork]
) -> list[PhotoFaces]:
    """Analyse photos in a worker process, with the memory and the time that they may take there."""
    alone = any(work.alone for work in works)
    DECODING.set(budget.large if alone else budget.usual, budget.total)
    with seconds_a_photo(seconds):
        return analyse_chunk(analyser, works)


def _start_worker(
    detection: DetectionSettings,
    embedding: EmbeddingSettings,
    budget: MemoryBudget,
    seconds: float,
) -> process_pool.Work[PhotoWork, PhotoFaces]:
    """Load the networks in a worker process; one thread each, as there are several of them."""
    import torch

    keep_freed_memory()
    warnings.simplefilter("ignore")  # Pillow's remarks on odd files; ours are in the results
    torch.set_num_threads(1)
    return partial(_analyse_within, load_analyser(detection, embedding), budget, seconds)
