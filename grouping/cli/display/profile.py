"""``--profile``: where the time of a command went."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from grouping.cli.display.logs import logs_json, note
from grouping.stage_clock import StageClock, StageCost, measure_stages


@contextmanager
def profiled() -> Iterator[None]:
    """Measure the stages of a command, and say at its end what each took."""
    clock, start = StageClock(), time.perf_counter()
    measure_stages(clock)
    try:
        yield
    finally:
        measure_stages(None)
        _say(clock.costs(), time.perf_counter() - start)


def _say(costs: list[StageCost], seconds: float) -> None:
    if logs_json():
        for cost in costs:
            note(
                f"stage {cost.stage}",
                calls=cost.calls,
                seconds=round(cost.seconds, 3),
                cpu_seconds=round(cost.cpu_seconds, 3),
            )
        return
    print(profile_table(costs, seconds), file=sys.stderr)


def profile_table(costs: list[StageCost], seconds: float) -> str:
    """A line a stage; seconds of processes and threads that work at once are added up."""
    lines = [f"{'stage':<12}{'calls':>8}{'seconds':>10}{'CPU s':>10}"]
    lines += [
        f"{cost.stage:<12}{cost.calls:>8}{cost.seconds:>10.2f}{cost.cpu_seconds:>10.2f}"
        for cost in costs
    ]
    lines.append(f"{'whole run':<12}{'':>8}{seconds:>10.2f}")
    return "\n".join(lines)
