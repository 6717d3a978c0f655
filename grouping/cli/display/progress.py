"""How far a run is: bars on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from grouping.cli.display.logs import logs_json, note
from grouping.cli.display.time_left import TimeLeft, about
from grouping.errors import FailureRateError, GroupingError
from grouping.records import PhotoFaces
from grouping.sources.photo import Photo

LOG_SECONDS = 15.0  # between two lines where no bar can be drawn


class PhotoProgress:
    """Counts photos, faces and failures; used as a context manager.

    On a terminal it draws a bar, elsewhere it logs a line now and then.

    Args:
        count: lists the photos once more, to know how many there are; runs in a thread. None where
            nobody can tell.
        what: is counted.
        left: told how far it is; its estimate for the whole run is shown.
    """

    def __init__(
        self,
        count: Callable[[], Iterable[Photo]] | None,
        what: str = "photos",
        left: TimeLeft | None = None,
    ) -> None:
        from tqdm import tqdm

        self.done = self.faces = self.failed = 0
        self._started = self._logged = time.monotonic()
        self._total: int | None = None
        self._hidden = _no_bars()
        self._bar = tqdm(desc=what, unit="photo", smoothing=0.05, disable=self._hidden)
        self._what = what
        self._left = left
        if count is not None:
            threading.Thread(target=self._count, args=(count,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
        if self._hidden:
            self._say()

    def __call__(self, photo: Photo, outcome: PhotoFaces) -> None:
        """Count one photo."""
        self.done += 1
        self.faces += len(outcome.faces)
        if outcome.failure is not None:
            self.failed += 1
            failure = outcome.failure
            fields = {"photo": photo.location, "stage": failure.stage, "reason": failure.reason}
            note("photo failed", logging.DEBUG if not self._hidden else logging.INFO, **fields)
        if self._left is not None:
            self._left.photos(self.done, self.faces, self._total)
        if not self._hidden:
            self._bar.set_postfix_str(self._counts(), refresh=False)
        self._bar.update()
        if self._hidden and time.monotonic() - self._logged > LOG_SECONDS:
            self._say()

    def _counts(self) -> str:
        counts = f"faces={self.faces}, failed={self.failed}"
        left = "" if self._left is None else str(self._left)
        return f"{counts}, {left}" if left else counts

    def _say(self) -> None:
        self._logged = time.monotonic()
        rate = self.done / max(self._logged - self._started, 1e-9)
        counted = {"done": self.done, "faces": self.faces, "failed": self.failed}
        if self._total is not None:
            left = round((self._total - self.done) / max(rate, 1e-9))
            counted |= {"total": self._total, "seconds_left": left}
        note(self._what, **counted, photos_per_second=round(rate, 2), **_in_all(self._left))

    def _count(self, count: Callable[[], Iterable[Photo]]) -> None:
        with suppress(GroupingError):  # the run lists them too, and says what is wrong
            self._total = self._bar.total = sum(1 for _ in count())


def check_failures(progress: PhotoProgress, limit: float, where: str) -> None:
    """Raise FailureRateError where more than ``limit`` percent of the photos failed.

    Args:
        progress: of all photos.
        limit: in percent.
        where: says what was saved and where the reasons are.
    """
    share = 100 * progress.failed / max(progress.done, 1)
    if share > limit:
        raise FailureRateError(
            f"{progress.failed} of {progress.done} photos failed, more than --max-failures "
            f"{limit:g} %; {where}"
        )


class StageProgress:
    """One bar after another for the stages after the photos; used as a context manager.

    Where no bar can be drawn, a log line tells when a stage goes on for some time.

    Args:
        left: told how far each is; its estimate for the whole run is shown.
    """

    def __init__(self, left: TimeLeft | None = None) -> None:
        self._bar: Any = None
        self._stage = ""
        self._left = left
        self._logged = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        from tqdm import tqdm

        if self._left is not None:
            self._left.stage(stage, done, total)
        if stage != self._stage:
            self._close()
            self._bar, self._stage = tqdm(desc=stage, total=total, disable=_no_bars()), stage
        if self._left is not None:
            self._bar.set_postfix_str(str(self._left), refresh=False)
        self._bar.update(done - self._bar.n)
        self._bar.refresh()
        if _no_bars() and time.monotonic() - self._logged > LOG_SECONDS:
            self._logged = time.monotonic()
            note(stage, done=done, total=total, **_in_all(self._left))

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _in_all(left: TimeLeft | None) -> dict[str, Any]:
    """What a log line says of the whole run; nothing where nobody can tell."""
    seconds = None if left is None else left.seconds
    if seconds is None:
        return {}
    return {"all_done_in": about(seconds)}


def _no_bars() -> bool:
    """Whether a bar would spoil a log, or end in a file."""
    return logs_json() or not sys.stderr.isatty()
