"""Photos analysed by the machines of a Ray cluster, see :mod:`grouping.execution.on_ray`.

Where they are travels, not they: workers fetch them from S3, over HTTP or from a shared drive, with
credentials of their own. What comes back are faces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from grouping.cores import usable_cores
from grouping.execution.workers.photo_work import Chunk, OnRead, Results
from grouping.execution.workers.photo_worker import given_up
from grouping.faces.time_limit import allowed_seconds
from grouping.memory.budget import MemoryBudget

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.execution.on_ray.actor import Order
    from grouping.execution.on_ray.cluster import Node
    from grouping.execution.on_ray.staff import Staff


def analyse_in_ray(
    models: FaceModels,
    chunks: Iterable[Chunk],
    budget: MemoryBudget,
    on_read: OnRead,
    address: str | None = None,
) -> Results:
    """Analyse photos on a cluster; see :func:`grouping.execution.backends.analyse_photos`.

    Args:
        models: the networks.
        chunks: taken one at a time, as there is room for them; of photos or of where they are.
        budget: how many workers the cluster has that is started here, and what each may take.
        on_read: called in this thread with a position, a photo and the SHA-256 of its bytes once a
            worker has read it; gives what is to be done with it, or None where it is known.
        address: of a running cluster; None starts one on this machine.

    Raises:
        ConfigError: the memory of a machine does not hold the networks.
        ModelError: a checkpoint or device cannot be used, or the extra is not installed.
        SourceError: a machine does not see the files of this one.
        GroupingError: there is no cluster, or nothing left of it.
    """
    source = iter(chunks)
    first = next(source, None)
    if first is None:
        return  # all of it was in the cache: no cluster is needed
    from grouping.execution.on_ray.cluster import connected
    from grouping.execution.on_ray.pool import RayPool
    from grouping.execution.on_ray.tasks import Tasks

    if not budget.workers:
        budget = models.memory_budget(usable_cores())
    local = budget if address is None else None
    seconds = allowed_seconds()
    # The graph, which uses all cores, comes to the same cluster.
    with connected(address, max(budget.workers, usable_cores())):
        staff, order = _staff(models, local), _order(models, seconds, local)
        tasks = Tasks(chain([first], source), budget.chunk)
        with RayPool(order, staff, on_read, given_up, seconds) as pool:
            yield from pool.map(tasks)
            pool.tally.say_all()


def _order(
    models: FaceModels, seconds: float, local: MemoryBudget | None
) -> Callable[[Staff], Order]:
    """What workers are told; those on other machines may ask for the face network's file."""
    from grouping.execution.on_ray.actor import Order
    from grouping.execution.on_ray.cluster import shared

    path, digest = models.weights
    if local is not None:
        models.make_ready()
    file = [] if local is not None else [shared(path.read_bytes())]
    embedding = models.embedding
    if embedding.device.startswith("cuda"):
        embedding = replace(embedding, device="cuda")  # each worker sees one
    place = path.absolute(), digest

    def order(staff: Staff) -> Order:
        return Order(models.detection, embedding, place, file, staff.budget, staff.cpus, seconds)

    return order


def _staff(models: FaceModels, local: MemoryBudget | None) -> Callable[[Node], Staff]:
    from grouping.execution.on_ray.staff import Staff, staff_of

    weights = models.weights[0].stat().st_size

    def staff(node: Node) -> Staff:
        found = staff_of(node, models.embedding.device, models.memory, weights)
        if local is None or found.gpus:
            return found
        return Staff(max(1, local.workers), 1, 0, local)  # as worker processes would be

    return staff
