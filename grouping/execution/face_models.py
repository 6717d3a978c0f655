"""The networks of a configuration, their cache keys and what is known about them.

Nothing heavy is imported before the networks are needed: a run that finds all of its photos in
the cache never loads torch.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import astuple
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from backbone.errors import CheckpointError
from backbone.weights.known_files import (
    default_checkpoint,
    file_digest,
    known_record,
    mtcnn_digest,
)
from grouping.config import AUTO, DetectionSettings, EmbeddingSettings, GroupingConfig
from grouping.errors import ModelError
from grouping.faces.embedding.embedder import ModelInfo, model_info
from grouping.faces.embedding.mirror import known_flip
from grouping.faces.embedding.prepared_embedder import is_ready
from grouping.faces.loading import load_analyser
from grouping.memory.budget import MemoryBudget, split_memory
from grouping.memory.sizes import size_text
from grouping.stage_clock import stage

if TYPE_CHECKING:
    from grouping.faces.photo_analyser import PhotoAnalyser
    from grouping.records import Float32

log = logging.getLogger(__name__)

# Part of every cache key: raise it when a change of the code changes what a photo gives.
DETECTION_VERSION = 5
EMBEDDING_VERSION = 2
DRAWN_VERSION = 1  # of what is seen in a box that was drawn
# Found the same faces in photos that stand upright, but for faces at the border, and looked at them
# from no other side.
EARLIER_DETECTION_VERSION = 3

MODELS_KEPT = 4  # configurations whose networks one process keeps loaded


class FaceModels:
    """The networks that settings name, loaded at the first use; any thread may use them.

    Attributes:
        detection: which faces are looked for.
        embedding: which network embeds them, and where it runs.
        memory: bytes that a run with them may take; None for a quarter of what the machine has.
    """

    def __init__(
        self,
        detection: DetectionSettings,
        embedding: EmbeddingSettings,
        memory: int | None = None,
    ) -> None:
        self.detection = detection
        self.embedding = embedding
        self.memory = memory
        self._budgets: dict[int, MemoryBudget] = {}
        self._lock = threading.Lock()

    @cached_property
    def detector_key(self) -> str:
        """Digest of all that detections depend on: weights, version, every setting."""
        return _digest(mtcnn_digest(), DETECTION_VERSION, *astuple(self.detection))

    @cached_property
    def earlier_detector_key(self) -> str:
        """The key under which the version before kept the detections of these settings."""
        settings = self.detection
        shared = (settings.min_face, settings.min_score, settings.crowds)
        return _digest(mtcnn_digest(), EARLIER_DETECTION_VERSION, *shared)

    @cached_property
    def model_key(self) -> str:
        """Digest of all that embeddings depend on: weights, version, preprocessing.

        Device, precision and batch size are left out: they change rounding alone.

        Raises:
            ModelError: the checkpoint cannot be read.
        """
        return model_key_of(self.weights_digest, self.embedding)

    @cached_property
    def weights_digest(self) -> str:
        """SHA-256 of the face network's file.

        Raises:
            ModelError: the checkpoint cannot be read.
        """
        try:
            return file_digest(self._checkpoint)
        except OSError as error:
            reason = error.strerror or error
            message = f"{self._checkpoint} cannot be read: {reason}; see checkpoint/README.md"
            raise ModelError(message) from None

    @cached_property
    def _checkpoint(self) -> Path:
        try:
            return self.embedding.checkpoint or default_checkpoint()
        except CheckpointError as error:
            raise ModelError(str(error)) from None

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
        with stage("start"):
            return load_analyser(self.detection, self.embedding, self.weights)

    @property
    def weights(self) -> tuple[Path, str]:
        """The face network's file and its SHA-256, hex.

        Raises:
            ModelError: it cannot be read.
        """
        return self._checkpoint, self.weights_digest

    def make_ready(self) -> None:
        """See to it that other processes find the face network ready, loading it if need be.

        Raises:
            ModelError: a checkpoint or device cannot be used.
        """
        if not is_ready(self.embedding, *self.weights):
            _ = self.analyser

    @property
    def model(self) -> ModelInfo:
        """Which network makes the embeddings; a known file is not loaded for that."""
        record = known_record(self.weights_digest)
        if record is None:
            return self.analyser.embedder.model
        return model_info(record, self._checkpoint.name, self.weights_digest)

    @property
    def default_threshold(self) -> float | None:
        """The cosine similarity to group its faces at; None where nobody has measured it."""
        record = known_record(self.weights_digest)
        return record.threshold if record else self.analyser.embedder.default_threshold

    def memory_budget(self, workers: int) -> MemoryBudget:
        """What each part of a run may take; says once in the log where workers are fewer.

        Args:
            workers: processes asked for.

        Raises:
            ConfigError: the memory allowed does not hold the networks.
            ModelError: the checkpoint cannot be read.
        """
        if workers not in self._budgets:
            checkpoint, digest = self.weights  # which says why a file cannot be read
            # Asked for processes alone: it costs a run that finds all in its cache some files.
            mapped = workers > 0 and is_ready(self.embedding, checkpoint, digest)
            found = split_memory(self.memory, workers, checkpoint.stat().st_size, mapped=mapped)
            self._budgets[workers] = found
            if found.workers < workers:
                log.info(
                    "%s of memory (--memory) hold %d of %d workers",
                    size_text(found.total),
                    found.workers,
                    workers,
                )
        return self._budgets[workers]

    def check(self) -> None:
        """Find out before any photo is touched whether the networks can be used.

        A known file on a device chosen by the program itself is trusted by its digest.

        Raises:
            ConfigError: the memory allowed does not hold them.
            ModelError: a checkpoint or device cannot be used.
        """
        trusted = known_record(self.weights_digest) is not None
        self.memory_budget(0)
        if not trusted or (self.embedding.device, self.embedding.precision) != (AUTO, AUTO):
            _ = self.analyser


@lru_cache(maxsize=MODELS_KEPT)
def _models(
    detection: DetectionSettings, embedding: EmbeddingSettings, memory: int | None
) -> FaceModels:
    return FaceModels(detection, embedding, memory)


def shared_models(config: GroupingConfig) -> FaceModels:
    """Return the networks of this process that fit a configuration, made once."""
    return _models(config.detection, config.embedding, config.memory)


def model_key_of(weights_digest: str, settings: EmbeddingSettings) -> str:
    """Return :attr:`FaceModels.model_key` for a file of which no more than its digest is at hand.

    Args:
        weights_digest: SHA-256 of the face network's file, hex.
        settings: of the embedding.
    """
    preprocessing = (settings.channel_order, settings.mean, settings.scale)
    flip = known_flip(settings.flip, known_record(weights_digest))
    return _digest(weights_digest, EMBEDDING_VERSION, flip, *preprocessing)


def measured_threshold(weights_digest: str) -> float | None:
    """Return the threshold measured for the file of this SHA-256, None where nobody has."""
    record = known_record(weights_digest)
    return None if record is None else record.threshold


def drawn_key_of(box: Sequence[float] | Float32) -> str:
    """Return the detector key of the face in a box (4,) that was drawn, as documents have it."""
    numbers = [round(float(side), 2) for side in box]
    return _digest(mtcnn_digest(), "drawn", DRAWN_VERSION, numbers)


def _digest(*values: object) -> str:
    """Hex SHA-256 of JSON values in this order."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
