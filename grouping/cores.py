"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")
DEEPEST = 32  # groups within groups that are asked for their limits


@cache
def usable_cores() -> int:
    """Return the cores that this process may use: its affinity, and the quota of its container."""
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed is not None else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, _quota(OWN_CGROUP, CGROUPS))))


def _quota(own: Path, root: Path) -> float:
    """Return the cores that the least of all limits on this process's control groups allows."""
    try:
        lines = [line.split(":", 2) for line in own.read_text().splitlines()]
    except OSError:
        return math.inf
    limits = [math.inf]
    for _, controllers, path in (line for line in lines if len(line) == 3):
        if not controllers:  # version 2
            limits += [_limit_of(folder / "cpu.max") for folder in _upwards(root, path)]
        elif "cpu" in controllers.split(","):
            for base in (root / "cpu", root / controllers):
                limits += [_old_limit_of(folder) for folder in _upwards(base, path)]
    return min(limits)


def _upwards(base: Path, path: str) -> list[Path]:
    """Return the folder of a group and of all groups that it lies in."""
    parts = [part for part in path.split("/") if part not in ("", "..")][:DEEPEST]
    return [base.joinpath(*parts[:end]) for end in range(len(parts) + 1)]


def _limit_of(file: Path) -> float:
    """Cores of a file of two words, ``max 100000`` or ``150000 100000`` (microseconds)."""
    try:
        quota, period = file.read_text().split()[:2]
        return math.inf if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf


def _old_limit_of(folder: Path) -> float:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
        return quota / period if quota > 0 else math.inf
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf
