"""Where photos are analysed: in this process, or in worker processes.

A backend is a function of the networks and of chunks of work that yields results as they are
done, in any order; a photo that cannot be analysed becomes a result with its failure, so that
every position comes out once. Closing what a backend returns ends its processes.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from backbone.runtime.memory import keep_freed_memory
from grouping.config import DetectionSettings, EmbeddingSettings
from grouping.cores import usable_cores
from grouping.errors import GroupingError, one_line
from grouping.faces.loading import import_networks, load_analyser
from grouping.faces.time_limit import allowed_seconds, seconds_a_photo
from grouping.records import Failure, PhotoFaces, UInt8

if TYPE_CHECKING:
    from pathlib import Path

    from grouping.execution.face_models import FaceModels
    from grouping.execution.process_pool import Work
    from grouping.faces.photo_analyser import PhotoAnalyser


@dataclass(frozen=True, eq=False)
class PhotoWork:
    """One photo to analyse.

    Attributes:
        photo: the bytes of its file, or (h, w, 3) uint8 RGB pixels.
        known: its faces from an earlier run with another network, to be embedded again.
        pictures: small ones are to be made for a report.
    """

    photo: bytes | UInt8
    known: PhotoFaces | None = None
    pictures: bool = False


Chunk = list[tuple[int, PhotoWork]]  # photos with their positions, worked on in one pass
Results = Generator[tuple[int, PhotoFaces], None, None]  # (position, result)


def analyse_photos(models: FaceModels, chunks: Iterable[Chunk], workers: int) -> Results:
    """Analyse photos and yield (position, result) as they are done.

    Args:
        models: the networks.
        chunks: taken one at a time, as there is room for them.
        workers: processes; 0 works in this one.

    Raises:
        ModelError: a checkpoint or device cannot be used.
    """
    if workers:
        return analyse_in_processes(models, chunks, workers)
    return analyse_here(models, chunks)


def analyse_here(models: FaceModels, chunks: Iterable[Chunk]) -> Results:
    """See :func:`analyse_photos`: one chunk after the other, in this process."""
    for chunk in chunks:
        yield from _analyse_apart(models.analyser, chunk)


def analyse_in_processes(models: FaceModels, chunks: Iterable[Chunk], workers: int) -> Results:
    """See :func:`analyse_photos`: a chunk a process.

    The face network is made ready in this process, if no earlier run has kept it, while the others
    import what they need; then they all map one file.
    """
    source = iter(chunks)
    first = next(source, None)
    if first is None:
        return  # all of it was in the cache: no process is started
    from grouping.execution.process_pool import ProcessPool

    seconds, threads = allowed_seconds(), max(1, usable_cores() // workers)
    start = partial(
        _start_worker, models.detection, models.embedding, models.weights, seconds, threads
    )
    with ProcessPool(
        start, workers, given_up, item_seconds=seconds, warm_up=import_networks
    ) as pool:
        models.make_ready()
        yield from pool.map(chain([first], source))


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


def _start_worker(
    detection: DetectionSettings,
    embedding: EmbeddingSettings,
    weights: tuple[Path, str],
    seconds: float,
    threads: int,
) -> Work[PhotoWork, PhotoFaces]:
    """Load the networks in a worker process, with its share of the cores."""
    import torch

    keep_freed_memory()
    warnings.simplefilter("ignore")  # Pillow's remarks on odd files; ours are in the results
    torch.set_num_threads(threads)
    said = logging.getLogger("backbone")  # what there is to say of a network the parent has said
    said.setLevel(logging.ERROR)
    analyser = load_analyser(detection, embedding, weights, announced=True)
    said.setLevel(logging.NOTSET)
    return partial(_analyse_in_time, analyser, seconds)


def _analyse_in_time(
    analyser: PhotoAnalyser, seconds: float, works: list[PhotoWork]
) -> list[PhotoFaces]:
    """See :func:`analyse_chunk`; in a worker process, which has the limit told."""
    with seconds_a_photo(seconds):
        return analyse_chunk(analyser, works)
