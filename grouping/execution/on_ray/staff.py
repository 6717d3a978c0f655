"""How many workers each machine of a cluster has, and what each of them may take."""

from __future__ import annotations

from dataclasses import dataclass

from grouping.config import AUTO
from grouping.errors import ConfigError
from grouping.execution.on_ray.cluster import Node
from grouping.memory.budget import MemoryBudget, split_memory


@dataclass(frozen=True)
class Staff:
    """The workers of one machine.

    Attributes:
        count: of them.
        cpus, gpus: of each.
        budget: what they may take.
    """

    count: int
    cpus: int
    gpus: int
    budget: MemoryBudget


def staff_of(node: Node, device: str, memory: int | None, weights: int) -> Staff:
    """Return the workers of a machine: one a GPU where those are to be used, else one a core.

    One core each gives the most photos a second; where memory does not hold so many, they are fewer
    and have more cores each.

    Args:
        node: the machine.
        device: what the face network is to run on, as in the settings.
        memory: bytes that a machine may take; None for what Ray has been told there is.
        weights: bytes of the face network's file.

    Raises:
        ConfigError: the memory does not hold one.
    """
    by_gpu = node.gpus > 0 and (device == AUTO or device.startswith("cuda"))
    wanted = node.gpus if by_gpu else node.cpus
    if wanted < 1:
        total = split_memory(memory, 0, weights)
        return Staff(0, 1, 0, total)
    try:
        budget = split_memory(memory or node.memory or None, wanted, weights, mapped=not by_gpu)
    except ConfigError as error:
        raise ConfigError(f"node {node.name}: {error}") from None
    count = min(wanted, max(1, budget.workers))
    return Staff(count, max(1, node.cpus // count), int(by_gpu), budget)
