"""What the driver of a cluster takes for a photo, with workers that answer at once.

    python -m tests.benchmarks scale_driver [--photos 10000] [--workers 8 320] [--profile]

A bucket is made up, and all is done with it that a run does: listed, looked for in the cache,
handed to workers, kept, counted. One process stands for all workers: it has read and analysed a
photo at once, and finds no face. Seconds are those of the driver: of the clock, of its own thread,
and of all its threads, Ray's among them, from the first photo done to the last. ``--profile`` tells
in which functions its own thread was.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

from grouping.records import PhotoFaces
from tests.benchmarks.scale.scale_costs import face_set_of, in_a_bucket

MOST_CALLS = 2000  # answered at once by the process that stands for all workers
SHOWN = 45  # functions of a profile


class Answering:
    """Stands for workers that take no time."""

    def __init__(self) -> None:
        import numpy as np

        self._none = face_set_of(np.zeros((0, 512), np.float32), np.random.default_rng(0))

    def hello(self) -> tuple[int, str]:
        from grouping.execution.on_ray.actor import code_digest

        return os.getpid(), code_digest()

    def read(self, works: list[Any]) -> Any:
        from grouping.execution.on_ray.actor import Answer

        return Answer([(position, digest_of(position)) for position, _ in works])

    def analyse(self, works: list[Any], known: list[int]) -> Any:
        from grouping.execution.on_ray.actor import Answer

        return Answer([(position, self._result(position)) for position, _ in works])

    def drop(self, positions: list[int]) -> None:
        """Nothing is held."""

    def _result(self, position: int) -> PhotoFaces:
        digest = digest_of(position)
        seen = bytes.fromhex(digest)
        return PhotoFaces(4000, 3000, self._none, sha256=digest, picture_hash=seen)


def digest_of(position: int) -> str:
    """A SHA-256 like those of photos."""
    return sha256(str(position).encode()).hexdigest()


class Times:
    """Notes what was taken from the first photo done to the last."""

    def __init__(self, progress: Callable[..., None], profile: cProfile.Profile | None) -> None:
        self.first = self.last = self._now()
        self.done = 0
        self._progress, self._profile = progress, profile

    def __call__(self, photo: Any, outcome: Any) -> None:
        self._progress(photo, outcome)
        if not self.done:
            self.first = self._now()
            if self._profile is not None:
                self._profile.enable()
        self.done += 1
        self.last = self._now() if self.done % 100 == 0 else self.last
        self.counted = self.done - self.done % 100

    @staticmethod
    def _now() -> tuple[float, float, float]:
        return time.perf_counter(), time.thread_time(), time.process_time()


@contextmanager
def answering_workers(count: int) -> Iterator[None]:
    """Have one process stand for so many workers of a node."""
    from grouping.execution import ray_backend
    from grouping.execution.on_ray import workforce
    from grouping.execution.on_ray.cluster import ray_module
    from grouping.execution.on_ray.staff import Staff
    from grouping.memory.budget import split_memory

    budget = split_memory(None, 1, 0)
    one = ray_module().remote(Answering).options(max_concurrency=MOST_CALLS).remote()

    def started(force: Any, node: Any, staff: Any) -> tuple[Any, Any]:
        worker = workforce.Worker(one, node, staff)
        force.workers.append(worker)
        return worker, one.hello.remote()

    with (
        patch.object(ray_backend, "_staff", lambda *_: lambda node: Staff(count, 1, 0, budget)),
        patch.object(workforce.Workforce, "_started", started),
        patch.object(workforce.Workforce, "_end", lambda *_: None),
    ):
        yield


def measured(photos: int, workers: int, profile: cProfile.Profile | None = None) -> Times:
    """Run a bucket of so many photos with so many workers."""
    from grouping.cli.display.progress import PhotoProgress
    from grouping.config import GroupingConfig
    from grouping.pipeline import GroupingPipeline
    from grouping.storage.cache import Cache

    config = GroupingConfig(backend="ray", ray_address="auto")
    with tempfile.TemporaryDirectory() as folder, Cache.open(Path(folder) / "c.sqlite") as cache:
        pipeline = GroupingPipeline(config, cache=cache)
        with answering_workers(workers), PhotoProgress(None) as progress:
            times = Times(progress, profile)
            ended = profile.disable if profile is not None else None
            pipeline.run(
                map(in_a_bucket, range(photos)),
                on_photo=times,
                on_stage=lambda *_: ended() if ended else None,
            )
    return times


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--workers", type=int, nargs="*", default=(8, 320))
    parser.add_argument("--profile", action="store_true", help="of the driver's own thread")
    options = parser.parse_args()
    from grouping.execution.on_ray.cluster import connected

    with connected(None, 1, dashboard=False):
        for workers in options.workers:
            profile = cProfile.Profile() if options.profile else None
            times = measured(options.photos, workers, profile)
            wall, own, cpu = (
                (last - first) / times.counted
                for first, last in zip(times.first, times.last, strict=True)
            )
            print(
                f"{workers} workers: {1e3 * wall:.3f} ms a photo; {1e3 * own:.3f} core ms of the "
                f"driver's thread, {1e3 * cpu:.3f} of all its threads",
                flush=True,
            )
            if profile is not None:
                pstats.Stats(profile).sort_stats("tottime").print_stats(SHOWN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
