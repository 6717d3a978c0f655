"""What a worker of the cluster does: read photos, say what they are, analyse those asked for.

Photos are read and analysed in two steps, so that the driver can say in between which are known, or
are copies. Both run at once, in threads of their own: the next photos are read meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from backbone.weights.known_files import file_digest
from grouping.config import DetectionSettings, EmbeddingSettings
from grouping.errors import GroupingError, PhotoError, one_line
from grouping.execution.on_ray.cluster import CODE, ray_module
from grouping.execution.read_ahead import read_ahead
from grouping.execution.workers.photo_work import PhotoWork
from grouping.execution.workers.photo_worker import start_worker
from grouping.faces.loading import import_networks
from grouping.memory.allowance import DECODING
from grouping.memory.budget import MemoryBudget, check_file
from grouping.memory.sizes import size_text
from grouping.records import Failure, PhotoFaces
from grouping.sources.photo import Photo
from grouping.stage_clock import StageClock, StageCost, measure_stages, stage

READERS = 4  # threads that read, a call
OWNER_ONLY = 0o600

Read = tuple[int, str | Failure]  # a position, and the SHA-256 of its bytes or why there are none
Analysed = tuple[int, PhotoFaces]


@dataclass(frozen=True)
class Order:
    """All that a worker is told when it starts.

    Attributes:
        detection, embedding: the settings.
        weights: the face network's file and its SHA-256, hex.
        file: the reference of that file's bytes in a list, for machines that do not have it; empty
            where all workers are on this machine.
        budget: what the workers of its machine may take.
        threads: cores of one worker.
        seconds: that one photo may take.
    """

    detection: DetectionSettings
    embedding: EmbeddingSettings
    weights: tuple[Path, str]
    file: list[Any]
    budget: MemoryBudget
    threads: int
    seconds: float


@dataclass(frozen=True)
class Answer:
    """What comes back of a call.

    Attributes:
        value: a list, or the reason why there is none; an error that ends the run.
        costs: of the stages since the answer before.
    """

    value: list[Any] | str | GroupingError
    costs: tuple[StageCost, ...] = ()


class PhotoActor:
    """One worker; Ray makes it in a process of its own.

    Args:
        order: what it is told.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._held: dict[int, bytes] = {}
        self._work: Callable[[list[PhotoWork]], list[PhotoFaces]] | None = None
        self._lock = threading.Lock()  # one chunk is analysed at a time
        self._clock = StageClock()
        measure_stages(self._clock)
        DECODING.set(order.budget.usual, order.budget.total)
        threading.Thread(target=import_networks, daemon=True).start()

    def hello(self) -> tuple[int, str]:
        """Return its process id, and the digest of its code."""
        return os.getpid(), code_digest()

    def read(self, works: list[tuple[int, PhotoWork]]) -> Answer:
        """Read photos and hold them: (position, SHA-256 of its bytes or Failure) of each."""
        return self._answered(lambda: list(self._read(works)))

    def analyse(self, works: list[tuple[int, PhotoWork]], known: list[int]) -> Answer:
        """Analyse photos that are held, or that come with their bytes: (position, PhotoFaces).

        Args:
            works: what is to be done.
            known: positions of photos that need not be held any longer.
        """
        self.drop(known)
        return self._answered(lambda: self._analysed(works))

    def drop(self, positions: list[int]) -> None:
        """Hold photos no longer."""
        for position in positions:
            self._held.pop(position, None)

    def _answered(self, call: Callable[[], list[Any]]) -> Answer:
        """What comes of a call; errors too are values, of classes that the driver has."""
        try:
            value: list[Any] | str | GroupingError = call()
        except PhotoError as error:
            value = str(error)
        except GroupingError as error:
            value = error
        except Exception as error:  # noqa: BLE001 - becomes the reason in the photo's report
            value = one_line(error)
        return Answer(value, self._clock.taken())

    def _read(self, works: list[tuple[int, PhotoWork]]) -> Iterator[Read]:
        photos = [work.photo for _, work in works if isinstance(work.photo, Photo)]
        reads = read_ahead(photos, self._bytes_of, readers=READERS, budget=self._order.budget.ahead)
        with closing(reads):
            for place, _, found in reads:
                position = works[place][0]
                yield position, self._kept(position, found, alone=works[place][1].alone)

    def _bytes_of(self, photo: Photo) -> bytes:
        most = self._order.budget.file
        with stage("read"):
            check_file(photo.expected_bytes, most)
            data = photo.read()
            check_file(len(data), most)
        return data

    def _kept(self, position: int, found: bytes | PhotoError, *, alone: bool) -> str | Failure:
        """Hold the bytes of a photo until it is said what is to be done with them."""
        if isinstance(found, PhotoError):
            return Failure.of(found)
        held = sum(map(len, list(self._held.values())))
        if held + len(found) > self._order.budget.ahead and not alone:
            reason = f"no room for {size_text(len(found))} beside the photos read before"
            return Failure("fetch", reason, retryable=True, short_of_memory=True)
        self._held[position] = found
        return hashlib.sha256(found).hexdigest()

    def _analysed(self, works: list[tuple[int, PhotoWork]]) -> list[Analysed]:
        with self._lock:
            full = [self._with_bytes(position, work) for position, work in works]
            results = self._loaded()(full)
        kept = [
            result if work.crops else replace(result, crops=None)
            for work, result in zip(full, results, strict=True)
        ]
        return [(position, result) for (position, _), result in zip(works, kept, strict=True)]

    def _with_bytes(self, position: int, work: PhotoWork) -> PhotoWork:
        if not isinstance(work.photo, Photo):
            return work
        return replace(work, photo=self._held.pop(position))

    def _loaded(self) -> Callable[[list[PhotoWork]], list[PhotoFaces]]:
        """The networks as a function of photos, loaded at the first use."""
        if self._work is None:
            order = self._order
            with _weights_here(order) as weights:
                embedding = replace(order.embedding, checkpoint=weights[0])
                self._work = start_worker(
                    order.detection,
                    embedding,
                    weights,
                    order.budget,
                    order.seconds,
                    self._clock,
                    threads=order.threads,
                )
        return self._work


@cache
def code_digest() -> str:
    """Digest of the code of this program, to find out machines that have another version."""
    digest = hashlib.sha256()
    for package in ("backbone", "grouping"):
        for path in sorted((CODE / package).rglob("*.py")):
            digest.update(path.relative_to(CODE).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


@contextmanager
def _weights_here(order: Order) -> Iterator[tuple[Path, str]]:
    """The face network's file on this machine: as it lies there, or as the driver sends it."""
    path, digest = order.weights
    if not order.file or _is_file_of(path, digest):
        yield path, digest
        return
    data = ray_module().get(order.file[0])
    with tempfile.TemporaryDirectory() as folder:  # which nobody else can read
        copy = Path(folder) / path.name
        copy.write_bytes(data)
        yield copy, digest


def _is_file_of(path: Path, digest: str) -> bool:
    try:
        return file_digest(path) == digest
    except OSError:
        return False
