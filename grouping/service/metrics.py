"""What ``/metrics`` says, for Prometheus; one registry an app."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from grouping.api.stages import StageClock, measure_stages

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
STATES = ("queued", "running", "done", "failed", "deleting")


class Metrics:
    """Counters of this process, and the queue that all processes share.

    Args:
        queue: gives how many albums there are in each state.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, queue: Callable[[], Mapping[str, int]]) -> None:
        self._registry = CollectorRegistry()
        self.clock = StageClock()
        self._registry.register(_Shared(queue, self.clock))
        self.photos = self._counter("grouping_photos", "Photos of albums that were looked at.")
        self.faces = self._counter("grouping_faces", "Faces found in photos of albums.")
        self.failures = self._counter(
            "grouping_photo_failures", "Photos of albums that failed, by stage.", "stage"
        )
        self.jobs = self._counter("grouping_jobs", "Jobs that ended, by how.", "end")
        self.requests = self._counter(
            "grouping_requests", "Requests by route and status.", "route", "status"
        )
        self.seconds = Histogram(
            "grouping_request_seconds",
            "Seconds of requests by route.",
            ["route"],
            registry=self._registry,
            buckets=REQUEST_BUCKETS,
        )

    def start(self) -> None:
        """Begin to measure the stages of this process."""
        measure_stages(self.clock)

    def stop(self) -> None:
        """End measuring."""
        measure_stages(None)

    def text(self) -> bytes:
        """Return all of it in the format of Prometheus."""
        return generate_latest(self._registry)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is its pattern, of which there are few."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)


class _Shared(Collector):
    """What is asked for when somebody looks: albums by state, seconds by stage."""

    def __init__(self, queue: Callable[[], Mapping[str, int]], clock: StageClock) -> None:
        self._queue, self._clock = queue, clock

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        numbers = self._queue()
        albums = GaugeMetricFamily("grouping_albums", "Albums by state.", labels=["state"])
        for state in STATES:
            albums.add_metric([state], numbers.get(state, 0))
        yield albums
        seconds = CounterMetricFamily(
            "grouping_stage_seconds", "Seconds of work by stage.", labels=["stage"]
        )
        for cost in self._clock.costs():
            seconds.add_metric([cost.stage], cost.seconds)
        yield seconds
