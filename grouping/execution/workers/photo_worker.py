"""What a worker does: loads the networks once, and analyses the photos that it is sent.

What goes wrong with a photo becomes its result; a worker ends where the networks cannot be used.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from backbone.runtime.memory import keep_freed_memory
from grouping.config import DetectionSettings, EmbeddingSettings
from grouping.cores import usable_cores
from grouping.errors import GroupingError, one_line
from grouping.execution.workers.photo_work import Chunk, PhotoWork
from grouping.faces.loading import load_analyser
from grouping.faces.time_limit import seconds_a_photo
from grouping.memory.allowance import DECODING
from grouping.memory.budget import MemoryBudget
from grouping.records import Failure, PhotoFaces
from grouping.stage_clock import StageClock, measure_stages, stage

if TYPE_CHECKING:
    from pathlib import Path

    from grouping.execution.workers import process_pool
    from grouping.faces.photo_analyser import PhotoAnalyser


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


def analyse_apart(analyser: PhotoAnalyser, chunk: Chunk) -> Iterator[tuple[int, PhotoFaces]]:
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
            yield from analyse_apart(analyser, [single])
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
