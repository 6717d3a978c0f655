"""Many photos, each to its result: read ahead, look up, analyse what is left, report.

::

    photos --read_ahead, KnownResults.lookup--> known    -----------------> _finish
                                                unknown  --analyse_photos--> _finish
                                                a copy of one in work waits for its result
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from backbone.runtime.processor import may_have_gpu
from grouping.errors import Interrupted, PhotoError
from grouping.execution.backends import LOCAL, Backend
from grouping.execution.known_results import HoldBack, KnownResults, Lookup
from grouping.execution.read_ahead import read_ahead
from grouping.execution.workers.photo_work import CHUNK, Chunk, PhotoWork
from grouping.memory.allowance import DECODING
from grouping.memory.budget import MemoryBudget
from grouping.records import Failure, PhotoFaces
from grouping.sources.photo import Photo
from grouping.stage_clock import stage

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.storage.cache import Cache

# Photos that a worker on a CPU takes at once, where each passes the networks alone: with CHUNK the
# workers would end longer after each other.
CHUNK_ON_CPU = 2
AHEAD = 32  # photos read but not yet worked on
READERS = 8  # threads that read
# Up to so many photos, starting processes takes longer than it saves (bench_run): so many of a
# third of a megapixel, or half as many whose files have LARGE_BYTES.
FEW_PHOTOS = 24
LARGE_BYTES = 3 * 2**20

OnPhoto = Callable[[Photo, PhotoFaces], None]
OnPictures = Callable[[PhotoFaces], None]


class PhotoCollector:
    """Photos and what they gave, in one run.

    Args:
        models: the networks.
        cache: results of earlier runs, or None.
        stop: set it to end the run early; photos in flight are finished.
        keep_crops: keep the aligned crops. A cache has none, so that it is not used.
        on_photo: called as each photo is done, in no particular order.
        hold_back: says which results are not to be kept in the cache.
        on_pictures: called with each photo that is analysed and its small pictures, which are made
            then and dropped after it.

    Attributes:
        photos: those taken so far, in the order given.
    """

    def __init__(
        self,
        models: FaceModels,
        cache: Cache | None = None,
        *,
        stop: threading.Event | None = None,
        keep_crops: bool = False,
        on_photo: OnPhoto | None = None,
        hold_back: HoldBack | None = None,
        on_pictures: OnPictures | None = None,
    ) -> None:
        self.photos: list[Photo] = []
        self._models = models
        self._known = KnownResults(models, None if keep_crops else cache, hold_back)
        self._stop = stop or threading.Event()
        self._keep_crops = keep_crops
        self._on_photo = on_photo
        self._on_pictures = on_pictures
        self._results: dict[int, PhotoFaces] = {}
        self._in_work: dict[int, str] = {}  # position to content of what is being analysed
        self._copies: dict[str, list[int]] = {}  # content to positions that wait for its result
        self._fresh: dict[str, PhotoFaces] = {}  # by content: analysed in this run
        self._reads = True  # in this process

    @property
    def results(self) -> tuple[PhotoFaces, ...]:
        """What each photo gave, in the order of ``photos``; all are done after ``collect``."""
        return tuple(self._results[position] for position in range(len(self.photos)))

    def collect(self, photos: Iterable[Photo], workers: int = 0, backend: Backend = LOCAL) -> None:
        """Find out what each photo gives.

        Args:
            photos: asked for one at a time; may be a listing of millions.
            workers: processes to analyse in where the photos are many; 0 analyses in this one.
            backend: where photos are analysed.

        Raises:
            ConfigError: the memory allowed does not hold the networks.
            ModelError: a checkpoint or device cannot be used.
            Interrupted: ``stop`` was set.
        """
        source = iter(photos)
        first, few = _first_few(source)
        self._reads = not backend.reads
        budget = self._models.memory_budget(0 if few and self._reads else workers)
        DECODING.set(budget.here, budget.total)
        # Closed at once, also after an error: threads that read and processes that work end here.
        with (
            closing(self._unknown(chain(first, source), budget)) as chunks,
            closing(backend.analyse(self._models, chunks, budget, self._on_read)) as results,
        ):
            for position, result in results:
                self._finish_fresh(position, result)
        if self._stop.is_set():
            raise Interrupted

    def _unknown(
        self, photos: Iterator[Photo], budget: MemoryBudget
    ) -> Generator[Chunk, None, None]:
        """Read ahead, finish what is known on the way, and yield the rest in chunks."""
        chunk: Chunk = []
        most = self._at_once(budget)
        reads = read_ahead(
            photos,
            lambda photo: self._looked_up(photo, budget.file),
            ahead=AHEAD,
            readers=READERS,
            budget=budget.ahead,
            weigh=lambda lookup: lookup.held_bytes,
            stop=self._stop,
        )
        with closing(reads):
            for position, photo, found in reads:
                self.photos.append(photo)
                lookup = _failed(found) if isinstance(found, PhotoError) else found
                known = self._result_of(lookup)
                if known is not None:
                    self._finish(position, known)
                elif (work := self._work_of(position, lookup)) is not None:
                    chunk.append((position, work))
                held = sum(work.held_bytes for _, work in chunk)
                if len(chunk) == most or held > budget.chunk:
                    yield chunk
                    chunk = []
        if chunk:
            yield chunk

    def _at_once(self, budget: MemoryBudget) -> int:
        """How many photos make a chunk."""
        if not (self._reads and budget.workers):
            return CHUNK
        on_cpu = self._models.embedding.device == "cpu" or not may_have_gpu()
        return CHUNK_ON_CPU if on_cpu else CHUNK

    def _looked_up(self, photo: Photo, most: int) -> Lookup:
        """Look a photo of so many bytes at most up, in a thread that reads."""
        with stage("read"):
            if self._reads:
                return self._known.lookup(photo, most)
            return self._known.lookup_place(photo)

    def _on_read(self, position: int, work: PhotoWork, content: str) -> PhotoWork | None:
        """Say what is to be done with a photo that a worker has read; finish one that is known."""
        lookup = self._known.lookup_read(work, content)
        known = self._result_of(lookup)
        if known is not None:
            self._finish(position, known)
            return None
        return self._work_of(position, lookup)

    def _result_of(self, lookup: Lookup) -> PhotoFaces | None:
        """What the photo gave in an earlier run, or a copy of it in this one."""
        if lookup.result is None and lookup.content is not None:
            return self._fresh.get(lookup.content)
        return lookup.result

    def _work_of(self, position: int, lookup: Lookup) -> PhotoWork | None:
        """What is to be done for a photo not seen before; a copy of one in work only waits."""
        if lookup.content in self._copies:
            self._copies[lookup.content].append(position)
            return None
        if lookup.content is not None:
            self._copies[lookup.content] = []
            self._in_work[position] = lookup.content
        if lookup.work is None:
            return None
        pictures = self._on_pictures is not None
        return replace(lookup.work, pictures=pictures, crops=self._keep_crops)

    def _finish_fresh(self, position: int, result: PhotoFaces) -> None:
        """Keep what was analysed, for this photo and the copies that wait for it."""
        if self._on_pictures is not None:
            self._on_pictures(result)
            result = replace(result, pictures=None)
        if not self._keep_crops:
            result = replace(result, crops=None)
        with stage("keep"):
            self._known.store(result)
        self._finish(position, result)
        content = self._in_work.pop(position, None)
        if content is None:
            return
        self._fresh[content] = result
        for copy in self._copies.pop(content):
            self._finish(copy, result)

    def _finish(self, position: int, result: PhotoFaces) -> None:
        """Record and report the result of one photo; every photo ends here."""
        self._results[position] = result
        if self._on_photo is not None:
            self._on_photo(self.photos[position], result)


def _first_few(source: Iterator[Photo]) -> tuple[list[Photo], bool]:
    """Take photos until they are worth starting processes for, or all where they are not."""
    first: list[Photo] = []
    worth = 0.0
    for photo in source:
        first.append(photo)
        worth += 1 + min((photo.expected_bytes or 0) / LARGE_BYTES, 2)
        if worth > FEW_PHOTOS:
            return first, False
    return first, True


def _failed(error: PhotoError) -> Lookup:
    """All that can be known of a photo that cannot be read."""
    return Lookup(None, PhotoFaces(failure=Failure.of(error)))
