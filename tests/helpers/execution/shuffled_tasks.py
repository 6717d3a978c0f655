"""Somebody who does tasks in this process, in any order, some of them more than once."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class ShuffledTasks:
    """Tasks as a cluster would do them: of pickled arguments that are read-only, as results come.

    Attributes:
        workers, piece_bytes: as :class:`grouping.similarity.task_runner.TaskRunner` has them.
        deaths: share of tasks that are done in vain and begun anew.
        done: functions called, by name.
        ahead: the most tasks taken and not given back at a time.
    """

    workers: int = 3
    piece_bytes: int = 1 << 20
    deaths: float = 0.3
    seed: int = 0
    done: list[str] = field(default_factory=list)
    ahead: int = 0

    def share(self, value: Any) -> Any:
        return Shared(value)

    def run(
        self, work: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]
    ) -> Generator[tuple[int, Any], None, None]:
        chance = random.Random(self.seed)
        source = enumerate(tasks)
        waiting: list[tuple[int, tuple[Any, ...]]] = []
        while True:
            while len(waiting) < 2 * self.workers and (item := next(source, None)):
                waiting.append(item)
            self.ahead = max(self.ahead, len(waiting))
            if not waiting:
                return
            place, arguments = waiting.pop(chance.randrange(len(waiting)))
            if chance.random() < self.deaths:
                self._call(work, arguments)
                waiting.append((place, arguments))
                continue
            yield place, self._call(work, arguments)

    def _call(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        self.done.append(work.__name__)
        values = tuple(a.value if isinstance(a, Shared) else a for a in arguments)
        return _travelled(_travelled(work)(*_travelled(values)))


@dataclass(frozen=True)
class Shared:
    """A handle."""

    value: Any


def _travelled(value: Any) -> Any:
    """What arrives of a value: arrays that nobody may write to."""
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=[bytes(b.raw()) for b in buffers])  # noqa: S301 - our own
