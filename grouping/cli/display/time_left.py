"""When a whole run will be done: photos by their rate, what comes after by what it costs elsewhere.

What the stages after the photos take is known before they begin only from another machine: seconds
as a function of photos and faces, measured by ``python -m tests.benchmarks bench_time_left`` and
scaled by how fast this machine is with photos. A stage that is on its way is judged by its own
rate. Nothing is said where nobody can tell: before some photos are done, or without their number.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from grouping.records import AGES, GROUPING, MAP, SHEETS, THUMBNAILS

PHOTOS = "photos"


@dataclass(frozen=True)
class Cost:
    """Seconds of a stage: once, for each photo, each face, and each pair of a million faces."""

    once: float = 0.0
    photo: float = 0.0
    face: float = 0.0
    face_pairs: float = 0.0
    most_faces: float = math.inf  # more are left out

    def seconds(self, photos: float, faces: float) -> float:
        """What so many take."""
        faces = min(faces, self.most_faces)
        pairs = (faces / 1e6) ** 2
        return self.once + self.photo * photos + self.face * faces + self.face_pairs * pairs


# In the order of a run. Seconds on the machine of which one process did a photo in SECONDS_A_PHOTO;
# that of ages, which takes an extra, is a guess until it is under way: a photo is decoded, nothing
# is looked for. The map places a part of many faces first, which is quicker.
SECONDS_A_PHOTO = 0.085
COSTS: dict[str, Cost] = {
    GROUPING: Cost(once=0.1, face=6.5e-5, face_pairs=1e3),
    AGES: Cost(photo=0.1),
    MAP: Cost(once=0.2, face=3.5e-3, most_faces=14_000),
    THUMBNAILS: Cost(photo=0.065),
    SHEETS: Cost(face=0.004),
}
ON_THE_WAY = frozenset(
    {THUMBNAILS}
)  # made as photos are analysed; only of those in the cache later

FEW_PHOTOS, FEW_SECONDS = 10, 5.0  # before which nobody can tell
RECENT_SECONDS, RECENT_SAMPLES = 120.0, 64  # that the rate is taken from
SLOWEST = 20.0  # times the measuring machine
# Photos done in less of what they took there came from the cache, and tell nothing of the machine.
CACHED = 0.2


class TimeLeft:
    """Follows a run and says how long it will still take.

    Args:
        after: the stages that come after the photos, of :data:`COSTS`.
        processes: that analyse photos at once.
    """

    def __init__(self, after: Sequence[str] = (), processes: int = 1) -> None:
        self._after = [name for name in COSTS if name in after]
        self._processes = processes
        self._photos = self._faces = 0
        self._total: int | None = None
        self._speed = 1.0
        self._cached = False
        self._stage = PHOTOS
        self._rate = _Rate()
        self._left = 0  # of what the stage counts

    def photos(self, done: int, faces: int, total: int | None) -> None:
        """Note how many photos are done, with so many faces in all; of ``total``, if known."""
        self._photos, self._faces, self._total = done, faces, total
        self._rate.note(done)
        self._left = 0 if total is None else max(0, total - done)
        share = self._rate.seconds_each * self._processes / SECONDS_A_PHOTO
        self._cached = share < CACHED
        self._speed = 1.0 if self._cached else min(share, SLOWEST)

    def stage(self, name: str, done: int, total: int) -> None:
        """Note how far a stage after the photos is; those before it are over."""
        if name != self._stage:
            self._stage, self._rate, self._total = name, _Rate(), self._photos
            if name in self._after:
                self._after = self._after[self._after.index(name) :]
        self._rate.note(done)
        self._left = max(0, total - done)

    @property
    def seconds(self) -> float | None:
        """What is left of the run; None where nobody can tell."""
        if self._stage == PHOTOS:
            if self._total is None or not self._rate.known(FEW_PHOTOS) or not self._total:
                return None
            return self._left * self._rate.seconds_each + self._expected(self._after)
        later = [name for name in self._after if name != self._stage]
        return self._of_stage() + self._expected(later)

    def __str__(self) -> str:
        """For people: ``all done in about 5 min``; empty where nobody can tell."""
        seconds = self.seconds
        return "" if seconds is None else f"all done in {about(seconds)}"

    def _of_stage(self) -> float:
        """What is left of the stage on its way: by its rate, else by what it costs elsewhere."""
        if self._rate.known(2):
            return self._left * self._rate.seconds_each
        expected = self._expected([self._stage]) if self._stage in COSTS else 0.0
        return max(0.0, expected - self._rate.elapsed) if self._left else 0.0

    def _expected(self, names: Sequence[str]) -> float:
        photos = float(max(self._photos, self._total or 0))
        faces = self._faces * photos / max(1, self._photos)
        later = [name for name in names if self._cached or name not in ON_THE_WAY]
        return self._speed * sum(COSTS[name].seconds(photos, faces) for name in later)


class _Rate:
    """Seconds that each of what is counted takes, of late."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque([(self._begun, 0)], RECENT_SAMPLES)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._begun

    @property
    def seconds_each(self) -> float:
        (since, first), (now, last) = self._samples[0], self._samples[-1]
        return (now - since) / max(1, last - first)

    def note(self, done: int) -> None:
        """Keep a count; the counts kept stay some seconds apart."""
        now, samples = time.monotonic(), self._samples
        apart = RECENT_SECONDS / RECENT_SAMPLES
        if len(samples) > 1 and now - samples[-2][0] < apart:
            samples[-1] = now, done
        else:
            samples.append((now, done))

    def known(self, few: int) -> bool:
        """Whether enough was done, and for long enough, to tell."""
        return self._samples[-1][1] >= few and self.elapsed >= FEW_SECONDS


def about(seconds: float) -> str:
    """Return a time as people say it, no more exact than an estimate is.

    Example:
        >>> about(40), about(290), about(4000), about(200_000)
        ('less than a minute', 'about 5 min', 'about 1 h 5 min', 'about 2 days')
    """
    minutes = seconds / 60
    if minutes < 1:
        return "less than a minute"
    step = 1 if minutes < 10 else 5 if minutes < 120 else 10 if minutes < 600 else 60
    whole = step * max(1, round(minutes / step))
    if whole < 60:
        return f"about {whole} min"
    if whole < 48 * 60:
        hours, rest = divmod(whole, 60)
        return f"about {hours} h {rest} min" if rest else f"about {hours} h"
    return f"about {round(whole / 60 / 24)} days"
