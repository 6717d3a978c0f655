"""Where tasks of the graph are done, as the settings say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from grouping.config import GroupingConfig
from grouping.cores import usable_cores


@contextmanager
def tasks_for(config: GroupingConfig, faces: int) -> Iterator[None]:
    """Have tasks of the graph done by the cluster within the block, where that is asked for.

    For so few faces that no task would be given away nobody is connected to, nor waited for.

    Args:
        config: the settings.
        faces: how many are to be grouped.

    Raises:
        ModelError: the extra is not installed.
        GroupingError: there is no cluster, or it has no room for tasks.
    """
    if config.backend == "local" or faces < _fewest():
        yield
        return
    from grouping.execution.on_ray.cluster import connected
    from grouping.execution.on_ray.graph_tasks import RayTaskRunner
    from grouping.similarity.task_runner import tasks_done_by

    with connected(config.ray_address, usable_cores()), tasks_done_by(RayTaskRunner()):
        yield


def _fewest() -> int:
    """Faces whose graph may be given away."""
    from grouping.similarity.cosine_graph import FEW_TO_SPREAD

    return FEW_TO_SPREAD
