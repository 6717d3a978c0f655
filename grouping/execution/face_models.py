"""The loaded networks: made once in a process, or once in each worker process.

Nothing heavy is imported before the networks are needed: a run that finds all of its photos in
the cache never loads torch.
"""

from __future__ import annotations

import hashlib
import json
import threading
import warnings
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from backbone.errors import CheckpointError
from backbone.runtime.memory import keep_freed_memory
from backbone.weights.known_files import (
    default_checkpoint,
    file_digest,
    known_record,
    mtcnn_digest,
)
from grouping.config import AUTO, GroupingConfig
from grouping.errors import GroupingError, ModelError, one_line
from grouping.faces.embedding import ModelInfo, model_info
from grouping.records import Failure, PhotoFaces, UInt8

if TYPE_CHECKING:
    from grouping.execution.process_pool import Work
    from grouping.faces.photo_analyser import PhotoAnalyser

# Part of every cache key: raise it when a change of the code changes what a photo gives.
DETECTION_VERSION = 3
EMBEDDING_VERSION = 1


@dataclass(frozen=True, eq=False)
class PhotoWork:
    """One photo to analyse.

    Attributes:
        photo: the bytes of its file, or (h, w, 3) uint8 RGB pixels.
        known: its faces from an earlier run with another network, to be embedded again.
    """

    photo: bytes | UInt8
    known: PhotoFaces | None = None


class Engine:
    """Analyses photos with the networks that a configuration names.

    Attributes:
        config: the configuration.
    """

    def __init__(self, config: GroupingConfig) -> None:
        self.config = config
        self._lock = threading.Lock()

    @cached_property
    def detector_key(self) -> str:
        """Digest of all that detections depend on: weights, settings, version."""
        config = self.config
        return _digest(
            mtcnn_digest(), DETECTION_VERSION, config.min_face, config.min_score, config.crowds
        )

    @cached_property
    def weights_digest(self) -> str:
        """SHA-256 of the face network's file.

        Raises:
            ModelError: the checkpoint cannot be read.
        """
        try:
            return file_digest(self._checkpoint)
        except CheckpointError as error:  # no file is named and none lies where they are looked for
            raise ModelError(str(error)) from None
        except OSError as error:
            reason = error.strerror or error
            message = f"{self._checkpoint} cannot be read: {reason}; see checkpoint/README.md"
            raise ModelError(message) from None

    @cached_property
    def _checkpoint(self) -> Path:
        return Path(self.config.checkpoint or default_checkpoint())

    @cached_property
    def model_key(self) -> str:
        """Digest of all that embeddings depend on: weights, preprocessing, version.

        Raises:
            ModelError: the checkpoint cannot be read.
        """
        config = self.config
        preprocessing = (config.channel_order, config.mean, config.scale)
        return _digest(self.weights_digest, EMBEDDING_VERSION, config.flip, *preprocessing)

    @property
    def analyser(self) -> PhotoAnalyser:
        """The networks, loaded at the first use.

        Raises:
            ModelError: a checkpoint or device cannot be used.
        """
        with self._lock:
            return self._analyser

    @cached_property
    def _analyser(self) -> PhotoAnalyser:
        return load_analyser(self.config)

    @property
    def model(self) -> ModelInfo:
        """Which network makes the embeddings; a known file is not loaded for that."""
        record = known_record(self.weights_digest)
        if record is None:
            return self.analyser.embedder.model
        return model_info(record, self._checkpoint.name, self.weights_digest)

    @property
    def default_threshold(self) -> float:
        """The cosine similarity at which faces of this network are grouped."""
        record = known_record(self.weights_digest)
        return record.threshold if record else self.analyser.embedder.default_threshold

    def check(self) -> None:
        """Find out before any photo is touched whether the networks can be used.

        A known file on a device chosen by the program itself is trusted by its digest.

        Raises:
            ModelError: a checkpoint or device cannot be used.
        """
        trusted = known_record(self.weights_digest) is not None
        if not trusted or (self.config.device, self.config.precision) != (AUTO, AUTO):
            _ = self.analyser

    def analyse(
        self, chunks: Iterable[list[tuple[int, PhotoWork]]], workers: int
    ) -> Generator[tuple[int, PhotoFaces], None, None]:
        """Work on chunks of (position, photo) and yield results as they are done.

        Args:
            chunks: taken one at a time, as there is room for them.
            workers: processes; 0 works here.

        Raises:
            ModelError: a checkpoint or device cannot be used.
        """
        if workers == 0:
            for chunk in chunks:
                yield from self._analyse_here(chunk)
            return
        source = iter(chunks)
        first = next(source, None)
        if first is None:
            return  # all of it was in the cache: no process is started
        from grouping.execution.process_pool import WorkerPool

        with WorkerPool(partial(_start_worker, self.config), workers, _given_up) as pool:
            yield from pool.map(chain([first], source))

    def _analyse_here(self, chunk: list[tuple[int, PhotoWork]]) -> Iterator[tuple[int, PhotoFaces]]:
        """Work in this process; a photo that no code foresaw fails alone."""
        analyser = self.analyser
        try:
            results = analyse_chunk(analyser, [work for _, work in chunk])
        except GroupingError:
            raise
        except Exception as error:  # noqa: BLE001 - becomes the reason in the photo's report
            if len(chunk) == 1:
                yield chunk[0][0], _given_up(one_line(error))
                return
            for single in chunk:
                yield from self._analyse_here([single])
            return
        yield from zip((position for position, _ in chunk), results, strict=True)


def analyse_chunk(analyser: PhotoAnalyser, works: list[PhotoWork]) -> list[PhotoFaces]:
    """Analyse photos; those whose faces are known are only embedded again."""
    fresh = iter(analyser([work.photo for work in works if work.known is None]))
    return [
        next(fresh) if work.known is None else analyser.embed_again(work.photo, work.known)
        for work in works
    ]


def load_analyser(config: GroupingConfig) -> PhotoAnalyser:
    """Load the networks.

    Raises:
        ModelError: a checkpoint or device cannot be used.
    """
    from backbone.errors import BackboneError
    from backbone.weights.mtcnn_files import load_mtcnn
    from grouping.faces.detection import Detector
    from grouping.faces.embedding import load_embedder
    from grouping.faces.photo_analyser import AnalysisSettings, PhotoAnalyser

    embedder = load_embedder(
        Path(config.checkpoint) if config.checkpoint else None,
        device=config.device,
        precision=config.precision,
        flip=config.flip,
        allow_cpu_fallback=config.allow_cpu_fallback,
        channel_order=config.channel_order,
        mean=config.mean,
        scale=config.scale,
    )
    try:
        detector = Detector(load_mtcnn(embedder.device))
    except BackboneError as error:
        raise ModelError(str(error)) from None
    settings = AnalysisSettings(config.min_face, config.min_score, config.crowds)
    return PhotoAnalyser(detector, embedder, settings)


@lru_cache(maxsize=4)
def _engine(config: GroupingConfig) -> Engine:
    return Engine(config)


def shared_engine(config: GroupingConfig) -> Engine:
    """Return the engine of this process whose networks fit a configuration, made once."""
    basis = GroupingConfig()
    grouping_only = (
        *("cluster", "threshold", "min_photos", "one_face_per_photo", "allow_same_face"),
        "workers",
    )
    return _engine(replace(config, **{name: getattr(basis, name) for name in grouping_only}))


def _start_worker(config: GroupingConfig) -> Work[PhotoWork, PhotoFaces]:
    """Load the networks in a worker process; one thread each, as there are several of them."""
    import torch

    keep_freed_memory()
    warnings.simplefilter("ignore")  # Pillow's remarks on odd files; ours are in the results
    torch.set_num_threads(1)
    return partial(analyse_chunk, load_analyser(config))


def _given_up(reason: str) -> PhotoFaces:
    return PhotoFaces(failure=Failure("process", reason, retryable=True))


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
