"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from functools import cache
from pathlib import Path

from grouping.control_groups import group_folders, read_text


@cache
def usable_cores() -> int:
    """Return the cores that this process may use: its affinity, and the quota of its container."""
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed is not None else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, core_quota(Path("/")))))


def core_quota(root: Path) -> float:
    """Return the cores that the least of all limits on this process's control groups allows.

    Args:
        root: of the file system that says which groups there are.
    """
    limits = (_limit_of(folder) for folder in group_folders("cpu", root))
    return min(limits, default=math.inf)


def _limit_of(group: Path) -> float:
    """Cores of a group: of version 2 ``150000 100000`` or ``max 100000`` (microseconds), or two
    files of version 1, where -1 is no limit.
    """
    words = read_text(group / "cpu.max").split()
    if not words:
        words = [*read_text(group / "cpu.cfs_quota_us").split()]
        words += read_text(group / "cpu.cfs_period_us").split()
    try:
        quota, period = map(int, words[:2])
    except ValueError:  # "max", or no such file
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf
