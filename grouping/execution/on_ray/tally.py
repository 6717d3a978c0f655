"""What each machine of a cluster has done: photos, faces, and seconds by stage."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from dataclasses import dataclass, field

from grouping.records import PhotoFaces
from grouping.stage_clock import StageCost, stage_clock

log = logging.getLogger(__name__)

LOG_SECONDS = 30.0  # between two lines a machine


@dataclass
class _Done:
    photos: int = 0
    faces: int = 0
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class Tally:
    """Counts by machine, and says in the log now and then how far each is."""

    def __init__(self) -> None:
        self._done: dict[str, _Done] = defaultdict(_Done)
        self._started = self._said = time.monotonic()

    def count(self, node: str, result: PhotoFaces) -> None:
        """Count a photo that a machine has analysed."""
        self._done[node].photos += 1
        self._done[node].faces += len(result.faces)
        if time.monotonic() - self._said > LOG_SECONDS:
            self._said = time.monotonic()
            for name in sorted(self._done):
                self._say(name, self._done[name])

    def spent(self, node: str, costs: tuple[StageCost, ...]) -> None:
        """Count seconds of a machine, for the profile of the run too."""
        clock = stage_clock()
        for cost in costs:
            self._done[node].seconds[cost.stage] += cost.seconds
            if clock is not None:
                clock.add(cost.stage, cost.seconds, cost.cpu_seconds, cost.calls)

    def say_all(self) -> None:
        """Log what each machine has done in all; its seconds by stage where stages are measured."""
        for name in sorted(self._done):
            done = self._done[name]
            seconds = dict(done.seconds) if stage_clock() is not None else {}
            self._say(name, done, seconds)

    def _say(self, name: str, done: _Done, seconds: dict[str, float] | None = None) -> None:
        rate = done.photos / max(time.monotonic() - self._started, 1e-9)
        counted: dict[str, float] = {"photos": done.photos, "faces": done.faces}
        counted |= {"photos_per_second": round(rate, 2)}
        stages = {f"{stage}_seconds": round(took, 2) for stage, took in (seconds or {}).items()}
        said = "  ".join(f"{key} {value}" for key, value in (counted | stages).items())
        fields = {"node": name, **counted, **stages}
        log.info("node %s  %s", name, said, extra={"fields": fields})
