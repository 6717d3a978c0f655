"""Where tasks of the graph are done, as the settings say, and one cluster for all of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from grouping.config import GroupingConfig
from grouping.cores import usable_cores

P = ParamSpec("P")
R = TypeVar("R")


class _Configured(Protocol):
    @property
    def config(self) -> GroupingConfig: ...


S = TypeVar("S", bound=_Configured)


def on_one_cluster(run: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Have a method connect to a cluster once: for its photos, then for the graph.

    Whoever needs none connects to none. The connection, or the cluster that was started, ends with
    the method, whatever ends that.
    """

    @wraps(run)
    def kept(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.config.backend == "local":
            return run(self, *args, **kwargs)
        from grouping.execution.on_ray.cluster import kept_connected

        with kept_connected():
            return run(self, *args, **kwargs)

    return kept


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
