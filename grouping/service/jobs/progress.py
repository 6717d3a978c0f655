"""How far one job is, and what its results come to."""

from __future__ import annotations

from collections import Counter
from typing import Any

from grouping.service.metrics import Metrics
from grouping.service.web.wording import for_callers

MOST_REASONS = 20  # that are told apart; the rest is counted together
LONGEST_REASON = 200  # characters
OTHER = "other reasons"


class JobProgress:
    """Counts photos as they are done; asked by the heartbeat.

    Attributes:
        total: photos that callers named, those below prefixes not counted.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.total = self.done = self.faces = self.failed = 0

    def photo(self, _photo: object, outcome: Any) -> None:
        """Count one photo; the ``on_photo`` of a run."""
        self.done += 1
        self.faces += len(outcome.faces)
        self._metrics.photos.inc()
        self._metrics.faces.inc(len(outcome.faces))
        if outcome.failure is not None:
            self.failed += 1
            self._metrics.failures.labels(outcome.failure.stage).inc()

    def as_json(self) -> dict[str, int]:
        """Return it as callers see it."""
        total = max(self.total, self.done)
        return {"done": self.done, "total": total, "faces": self.faces, "failed": self.failed}


def counts_of(document: Any) -> dict[str, int]:
    """Return what callers are told of results at a glance."""
    images = document["images"]
    failed = sum("error" in image for image in images)
    return {
        "photos": len(images),
        "failed": failed,
        "without_face": sum(not image["faces"] for image in images) - failed,
        "copies": sum("copy_of" in image for image in images),
        "faces": sum(len(image["faces"]) for image in images),
        "people": len(document["groups"]),
    }


def failures_of(document: Any) -> dict[str, int]:
    """Return how many photos failed, by reason, the most frequent first."""
    reasons = Counter(
        for_callers(str(image["error"]))[:LONGEST_REASON]
        for image in document["images"]
        if "error" in image
    )
    listed = dict(reasons.most_common(MOST_REASONS))
    rest = reasons.total() - sum(listed.values())
    return {**listed, OTHER: rest} if rest else listed
