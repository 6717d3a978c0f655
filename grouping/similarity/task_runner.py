"""Who does tasks of the graph: nobody but this process, or machines that somebody else knows of.

Where there is a runner, the graph and the linkage are cut into tasks: pure functions of arguments
that may be pickled. The result is the same to the last bit, on processors of one kind, whoever does
them, in whatever order, and however often one is begun anew.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

R = TypeVar("R")


class TaskRunner(Protocol):
    """Does tasks elsewhere."""

    @property
    def workers(self) -> int:
        """Tasks that are done at once."""

    @property
    def piece_bytes(self) -> int:
        """What one argument of a task may take, about."""

    def share(self, value: Any) -> Any:
        """Return a handle, which as an argument of many tasks stands for the value.

        The value is given away once, and lasts as long as the handle.
        """

    def run(
        self, work: Callable[..., R], tasks: Iterable[tuple[Any, ...]]
    ) -> Generator[tuple[int, R], None, None]:
        """Do tasks; a worker that dies costs what it was at, which is done again.

        Args:
            work: a function of a module, without side effects. Its arguments may be read-only.
            tasks: arguments of each call. They are asked for as there is room.

        Yields:
            The place of a task and its result, in no particular order. Where nobody asks for
            more, no more than a few are done ahead.

        Raises:
            GroupingError: what ``work`` raises, or a task that ends its workers again and again.
        """


_RUNNER: ContextVar[TaskRunner | None] = ContextVar("runner", default=None)


def task_runner() -> TaskRunner | None:
    """Return who does tasks of the graph here; None for this process."""
    return _RUNNER.get()


@contextmanager
def tasks_done_by(runner: TaskRunner | None) -> Iterator[None]:
    """Have tasks of the graph done by somebody within the block, in this thread."""
    before = _RUNNER.set(runner)
    try:
        yield
    finally:
        _RUNNER.reset(before)
