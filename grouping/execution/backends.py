"""Where photos are analysed: in this process, in worker processes, or on a cluster of machines.

A backend is a function of the networks and of chunks of work that yields results as they are
done, in any order; a photo that cannot be analysed becomes a result with its failure, so that
every position comes out once. Closing what a backend returns ends its processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from grouping.config import GroupingConfig
from grouping.execution.workers.large_photos import OneLargeAtATime
from grouping.execution.workers.photo_work import Chunk, OnRead, Results
from grouping.execution.workers.photo_worker import analyse_apart, given_up, start_worker
from grouping.faces.loading import import_networks
from grouping.faces.time_limit import allowed_seconds
from grouping.memory.budget import MemoryBudget
from grouping.stage_clock import stage_clock

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels


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
        yield from analyse_apart(models.analyser, chunk)


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
    from grouping.execution.workers.process_pool import ProcessPool

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
