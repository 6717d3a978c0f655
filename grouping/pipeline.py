"""The one place where the stages are wired together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from grouping.config import AUTO, GroupingConfig
from grouping.errors import Interrupted, PhotoError
from grouping.execution.face_models import Engine, PhotoWork, shared_engine
from grouping.execution.read_ahead import prefetch
from grouping.records import FaceSet, Failure, PhotoFaces, UInt8
from grouping.sources.photo import Fingerprint, MemoryPhoto, Photo

if TYPE_CHECKING:
    from grouping.corrections.apply import AppliedCorrections, Entry
    from grouping.faces.embedding import ModelInfo
    from grouping.people.calibration import Calibration
    from grouping.people.group_faces import Grouping
    from grouping.storage.cache import Cache

CHUNK = 4  # photos a worker takes at once
AHEAD = 32  # photos read but not yet worked on
READERS = 8  # threads that read
FEW_PHOTOS = 8  # up to this many, starting processes takes longer than it saves

OnPhoto = Callable[[Photo, PhotoFaces], None]


@dataclass(frozen=True, eq=False)
class GroupingResult:
    """Everything a run found.

    Attributes:
        photos: in the order given.
        outcomes: what each photo gave; their faces are rows of ``faces``.
        faces: the faces of all photos, in the order of the photos.
        crops: (n, 112, 112, 3) uint8 RGB, or None where they were not kept.
        grouping: who is who.
        model: which network made the embeddings.
        threshold: the cosine similarity used.
        config: the settings.
        calibration: where the threshold comes from, if it was calibrated on this album.
        corrections: what a person corrected, found again among these faces.
    """

    photos: tuple[Photo, ...]
    outcomes: tuple[PhotoFaces, ...]
    faces: FaceSet
    crops: UInt8 | None
    grouping: Grouping
    model: ModelInfo
    threshold: float
    config: GroupingConfig
    calibration: Calibration | None = None
    corrections: AppliedCorrections | None = None


class GroupingPipeline:
    """Photos in, people out; may be used by several threads at once.

    Args:
        config: the settings; defaults where None.
        cache: results of earlier runs, or None.
        stop: set it to end a run early: photos in flight are finished, then
            :class:`grouping.errors.Interrupted` is raised.
    """

    def __init__(
        self,
        config: GroupingConfig | None = None,
        *,
        cache: Cache | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.config = config or GroupingConfig()
        self.engine: Engine = shared_engine(self.config)
        self.cache = cache
        self.stop = stop or threading.Event()

    def run(
        self,
        photos: Iterable[Photo],
        *,
        keep_crops: bool = False,
        on_photo: OnPhoto | None = None,
        corrections: Sequence[Entry] = (),
    ) -> GroupingResult:
        """Analyse photos and group their faces.

        Args:
            photos: asked for one at a time; may be a listing of millions.
            keep_crops: keep the aligned crops (38 kB a face).
            on_photo: called as each photo is done, in no particular order.
            corrections: what a person knows better, see :mod:`grouping.corrections.toml_file`.

        Raises:
            ModelError: a checkpoint or device cannot be used.
            CorrectionsError: corrections contradict each other.
            Interrupted: ``stop`` was set.
        """
        collected = _Collector(self, keep_crops, on_photo)
        collected.work(photos)
        if self.stop.is_set():
            raise Interrupted
        return self._grouped(collected, corrections)

    def _grouped(self, collected: _Collector, entries: Sequence[Entry]) -> GroupingResult:
        from grouping.corrections.apply import apply_corrections
        from grouping.people.group_faces import group_faces

        outcomes = tuple(collected.outcomes[i] for i in range(len(collected.photos)))
        faces = FaceSet.concatenate([outcome.faces for outcome in outcomes])
        place = np.repeat(np.arange(len(outcomes)), [len(outcome.faces) for outcome in outcomes])
        faces = replace(faces, photo_index=place.astype(np.int32))
        crops = [o.crops for o in outcomes if o.crops is not None and len(o.crops)]
        corrections = (
            apply_corrections(entries, faces, [o.sha256 for o in outcomes]) if entries else None
        )
        calibration = self._calibration(faces)
        threshold = calibration.threshold if calibration else self._threshold()
        grouping = group_faces(
            faces,
            method=self.config.cluster,
            threshold=threshold,
            min_photos=self.config.min_photos,
            one_face_per_photo=self.config.one_face_per_photo,
            allow_same_face=self.config.allow_same_face,
            constraints=corrections.constraints if corrections else None,
        )
        return GroupingResult(
            photos=tuple(collected.photos),
            outcomes=outcomes,
            faces=faces,
            crops=np.concatenate(crops) if crops else None,
            grouping=grouping,
            model=self.engine.model,
            threshold=threshold,
            config=self.config,
            calibration=calibration,
            corrections=corrections,
        )

    def _threshold(self) -> float:
        if isinstance(self.config.threshold, int | float):
            return float(self.config.threshold)
        return self.engine.default_threshold

    def _calibration(self, faces: FaceSet) -> Calibration | None:
        if self.config.threshold != AUTO:
            return None
        from grouping.people.calibration import calibrate_threshold

        return calibrate_threshold(faces, self.engine.default_threshold)


@dataclass(frozen=True, eq=False)
class _Fetched:
    """A photo that was read, or found in the cache without reading."""

    fingerprint: Fingerprint | None
    work: PhotoWork | None
    done: PhotoFaces | None
    sha256: str | None


class _Collector:
    """Photos and what they gave, by position."""

    def __init__(
        self, pipeline: GroupingPipeline, keep_crops: bool, on_photo: OnPhoto | None
    ) -> None:
        self.photos: list[Photo] = []
        self.outcomes: dict[int, PhotoFaces] = {}
        self._engine, self._stop = pipeline.engine, pipeline.stop
        self._cache = None if keep_crops else pipeline.cache
        self._workers = pipeline.config.workers
        self._keep_crops, self._on_photo = keep_crops, on_photo
        self._twins: dict[str, list[int]] = {}  # by content: positions that wait for one result
        self._by_content: dict[str, PhotoFaces] = {}

    def work(self, photos: Iterable[Photo]) -> None:
        source = iter(photos)
        first = list(islice(source, FEW_PHOTOS + 1))
        workers = self._workers if len(first) > FEW_PHOTOS else 0
        # Closed at once, also after an error: threads that read and processes that work end here.
        with (
            closing(self._chunks(chain(first, source))) as chunks,
            closing(self._engine.analyse(chunks, workers)) as results,
        ):
            for position, result in results:
                self._finish(position, result)

    def _chunks(
        self, photos: Iterator[Photo]
    ) -> Generator[list[tuple[int, PhotoWork]], None, None]:
        """Read ahead, settle what needs no work, and yield the rest in chunks."""
        chunk: list[tuple[int, PhotoWork]] = []
        reads = prefetch(photos, self._fetch, ahead=AHEAD, workers=READERS, stop=self._stop)
        with closing(reads):
            for position, photo, fetched in reads:
                self.photos.append(photo)
                work = self._settle(position, fetched)
                if work is not None:
                    chunk.append((position, work))
                if len(chunk) == CHUNK:
                    yield chunk
                    chunk = []
        if chunk:
            yield chunk

    def _settle(self, position: int, fetched: _Fetched | PhotoError) -> PhotoWork | None:
        """Record what is known already; return the work that is left."""
        if isinstance(fetched, PhotoError):
            self._record(position, PhotoFaces(failure=Failure.of(fetched)))
            return None
        content = fetched.sha256
        if self._cache is not None and content is not None:
            self._cache.remember(fetched.fingerprint, content)
        if fetched.done is not None:
            self._record(position, fetched.done)
        elif content is not None and content in self._by_content:
            self._record(position, self._by_content[content])
        elif content is not None and content in self._twins:
            self._twins[content].append(position)
        else:
            if content is not None:
                self._twins[content] = []
            return fetched.work
        return None

    def _fetch(self, photo: Photo) -> _Fetched:
        """Read a photo unless the cache has it; runs in a thread."""
        fingerprint = photo.fingerprint() if self._cache else None
        if self._cache is not None:
            content = self._cache.content_of(fingerprint)
            if content and (done := self._lookup(content)) is not None:
                return _Fetched(None, None, done, content)  # nothing new to remember
        pixels = photo.pixels if isinstance(photo, MemoryPhoto) else None
        if pixels is not None:
            return _Fetched(None, PhotoWork(pixels), None, None)
        import hashlib

        data = photo.read()
        content = hashlib.sha256(data).hexdigest()
        if (done := self._lookup(content)) is not None:
            return _Fetched(fingerprint, None, done, content)
        return _Fetched(fingerprint, PhotoWork(data, self._detected(content)), None, content)

    def _lookup(self, content: str) -> PhotoFaces | None:
        if self._cache is None:
            return None
        return self._cache.load(content, self._engine.detector_key, self._engine.model_key)

    def _detected(self, content: str) -> PhotoFaces | None:
        """Faces of an earlier run with another network; their embeddings are only a stand-in."""
        if self._cache is None:
            return None
        known = self._cache.load_detections(content, self._engine.detector_key)
        if known is None or not len(known.detections):
            return None
        return known.with_embeddings(content, np.ones((len(known.detections), 1), np.float32))

    def _finish(self, position: int, result: PhotoFaces) -> None:
        """Keep a fresh result, and serve the copies of the photo that waited for it."""
        if not self._keep_crops:
            result = replace(result, crops=None)
        if self._cache is not None and result.sha256 is not None:
            self._cache.store(result, self._engine.detector_key, self._engine.model_key)
        self._record(position, result)
        if result.sha256 is not None:
            self._by_content[result.sha256] = result
            for twin in self._twins.pop(result.sha256, ()):
                self._record(twin, result)

    def _record(self, position: int, result: PhotoFaces) -> None:
        self.outcomes[position] = result
        if self._on_photo is not None:
            self._on_photo(self.photos[position], result)
