"""Where photos are analysed: in this process, in worker processes, or on a cluster of machines.

A backend is a function of the networks and of chunks of work that yields results as they are
done, in any order; a photo that cannot be analysed becomes a result with its failure, so that
every position comes out once. Closing what a backend returns ends its processes.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from backbone.runtime.memory import keep_freed_memory
from grouping.config import DetectionSettings, EmbeddingSettings, GroupingConfig
from grouping.cores import usable_cores
from grouping.errors import GroupingError, one_line
from grouping.execution.large_photos import OneLargeAtATime
from grouping.execution.photo_work import Chunk, PhotoWork, Results
from grouping.faces.loading import import_networks, load_analyser
from grouping.faces.time_limit import allowed_seconds, seconds_a_photo
from grouping.memory.allowance import DECODING
from grouping.memory.budget import MemoryBudget
from grouping.records import Failure, PhotoFaces
from grouping.stage_clock import StageClock, measure_stages, stage, stage_clock

if TYPE_CHECKING:
    from pathlib import Path

    from grouping.execution import process_pool
    from grouping.execution.face_models import FaceModels
    from grouping.faces.photo_analyser import PhotoAnalyser


OnRead = Callable[[int, PhotoWork, str], PhotoWork | None]


@dataclass(frozen=True)
class Backend:
    """Where photos are analysed, and where they are read.

    Attributes:
        analyse: see :func:`analyse_photos`; takes a function as well that is called with a
            position, a photo and the SHA-256 of its bytes once a worker has read it, and gives
            what is to be done with it, or None where it is known.
        reads: photos are read where they are analysed; no more than where they are is handed over.
    """

    analyse: Callable[[FaceModels, Iterable[Chunk], MemoryBudget, OnRead], Results]
    reads: bool = False


def backend_of(config: GroupingConfig) -> Backend:
    """Return where the settings have photos analysed."""
    if config.backend == "local":
        return LOCAL
    from grouping.execution.ray_backend import analyse_in_ray

    return Backend(partial(analyse_in_ray, address=config.ray_address), reads=True)


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


LOCAL = Backend(lambda models, chunks, budget, _: analyse_photos(models, chunks, budget))


def analyse_here(models: FaceModels, chunks: Iterable[Chunk]) -> Results:
    """See :func:`analyse_photos`: one chunk after the other, in this process."""
    for chunk in chunks:
        yield from _analyse_apart(models.analyser, chunk)


def analyse_in_processes(
    models: FaceModels, chunks: Iterable[Chunk], budget: MemoryBudget
) -> Results:
    """See :func:`analyse_photos`: a chunk a process.

    The face network is made ready in this process, if no earlier run has kept it, while the others
    import what they need; then they all map one file.
    """
    source = iter(chunks)
    first = next(source, None)
    if first is None:
        return  # all of it was in the cache: no process is started
    from grouping.execution.process_pool import ProcessPool

    settings = (models.detection, models.embedding, models.weights)
    seconds = allowed_seconds()
    start = partial(start_worker, *settings, budget, seconds, stage_clock())
    photos = OneLargeAtATime(chain([first], source), budget)
    with ProcessPool(
        start, budget.workers, given_up, item_seconds=seconds, warm_up=import_networks
    ) as pool:
        models.make_ready()
        for position, result in pool.map(photos):
            if photos.is_done(position, result):
                yield position, result


def analyse_chunk(analyser: PhotoAnalyser, works: list[PhotoWork]) -> list[PhotoFaces]:
    """Analyse photos, one result each; those whose faces are known are only embedded again."""
    pictures = any(work.pictures for work in works)
    fresh = iter(analyser([work.content for work in works if work.known is None], pictures))
    return [
        next(fresh)
        if work.known is None
        else analyser.embed_again(work.content, work.known, work.pictures)
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


def start_worker(
    detection: DetectionSettings,
    embedding: EmbeddingSettings,
    weights: tuple[Path, str],
    budget: MemoryBudget,
    seconds: float,
    clock: StageClock | None,
    *,
    threads: int | None = None,
) -> process_pool.Work[PhotoWork, PhotoFaces]:
    """Load the networks in a worker process, with its share of the cores.

    Args:
        detection, embedding: the settings.
        weights: the face network's file and its SHA-256, hex.
        budget: what it may take.
        seconds: that one photo may take.
        clock: counts its stages, or None.
        threads: cores of this one; None for an equal share of all.

    Returns:
        A function of photos that gives one result each.

    Raises:
        ModelError: the checkpoint or device cannot be used.
    """
    measure_stages(clock)
    with stage("start"):
        import torch

        keep_freed_memory()
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files; ours are in the results
        torch.set_num_threads(threads or max(1, usable_cores() // budget.workers))
        said = logging.getLogger("backbone")  # what there is to say the parent has said
        said.setLevel(logging.ERROR)
        analyser = load_analyser(detection, embedding, weights, announced=True)
        said.setLevel(logging.NOTSET)
    return partial(_analyse_within, analyser, budget, seconds)
