"""One budget for a run: what processes with networks take, what is decoded, what is read ahead.

::

    budget = calling process + workers x (networks + a usual photo) + one large photo + 2 x ahead

A usual photo has a share of its own in each worker process; one that needs more is looked at while
no other large one is. So many workers do not each decode 600 MB at a time, and none waits with a
lock in its hands. What is measured here `python -m tests.benchmarks worst_files` measures again.
"""

from __future__ import annotations

from dataclasses import dataclass

from grouping.errors import ConfigError, MemoryLimitError
from grouping.memory.allowance import BUDGET_FOR_PHOTO
from grouping.memory.machine import default_memory
from grouping.memory.sizes import size_text

MIB = 2**20
CALLER = 200 * MIB  # Python, its libraries, and what libraries' files take for all processes
PROCESS = 280 * MIB  # torch, the detector and what a chunk of reduced photos takes in them
WEIGHTS = 5  # times the file of the face network, while it is loaded
USUAL_PHOTO = 216 * MIB  # 24 megapixels of HEIC, 12 of a crowd at full size
LEAST_PHOTO = 96 * MIB  # without it, hardly a photo could be decoded
LARGEST_PHOTO = 3 * 2**30  # that any photo within the fixed bounds takes
AHEAD_SHARE = 16  # of the budget one of so many parts waits read, another for its turn
MOST_AHEAD, LEAST_AHEAD = 512 * MIB, 16 * MIB
COPIES_HERE, COPIES_SENT = 2, 4  # of a file: one read and one decoded; those on its way


@dataclass(frozen=True)
class MemoryBudget:
    """Bytes for each part of a run.

    Attributes:
        total: of all of it.
        workers: processes that it holds, at most those asked for; 0: none beside the caller's.
        ahead: of files that wait read, and as much again of large ones that wait for their turn.
        file: of one photo's file.
        chunk: of the files that a worker gets at once.
        usual: for decoding in each worker, while others decode too.
        large: for decoding one photo in a worker, while the others keep to ``usual``.
        here: for decoding in the calling process.
    """

    total: int
    workers: int
    ahead: int
    file: int
    chunk: int
    usual: int
    large: int
    here: int


def split_memory(
    memory: int | None, workers: int, weights: int, *, mapped: bool = False
) -> MemoryBudget:
    """Split what a run may take.

    Args:
        memory: bytes of all of it; None for a quarter of the machine, or the least that works.
        workers: processes asked for.
        weights: bytes of the face network's file.
        mapped: the network is kept ready: all workers map one file, and none loads its weights.

    Raises:
        ConfigError: that little does not hold the networks.
    """
    least = least_memory(weights)
    total = max(default_memory(), least) if memory is None else memory
    if total < least:
        raise ConfigError(
            f"memory {size_text(total)} is too little for the networks; "
            f"the least that works is {size_text(least)}"
        )
    ahead = _ahead(total)
    here = total - CALLER - _process(weights) - 2 * ahead
    large = min(LARGEST_PHOTO, total // BUDGET_FOR_PHOTO)
    process = PROCESS if mapped else _process(weights)
    rest = total - CALLER - 2 * ahead - large - (weights if mapped else 0)
    held = min(workers, max(0, rest) // (process + USUAL_PHOTO))
    if held < 1:
        file = min(ahead, here // COPIES_HERE)
        return MemoryBudget(total, 0, ahead, file, file, here, here, here)
    usual = min(LARGEST_PHOTO, rest // held - process)
    file = min(ahead, large // COPIES_SENT)
    return MemoryBudget(total, held, ahead, file, usual // 8, usual, large, here)


def least_memory(weights: int) -> int:
    """The least bytes that a run works with; ``weights``: bytes of the face network's file."""
    needed = CALLER + _process(weights) + LEAST_PHOTO
    return max(needed + 2 * LEAST_AHEAD, needed * AHEAD_SHARE // (AHEAD_SHARE - 2))


def check_file(size: int | None, most: int | None) -> None:
    """Refuse a file that would take more memory than there is for one photo.

    Args:
        size: its bytes; None where they are not known.
        most: see :attr:`MemoryBudget.file`; None for no bound.

    Raises:
        MemoryLimitError: it is larger.
    """
    if size is None or most is None or size <= most:
        return
    enough = size * max(AHEAD_SHARE, BUDGET_FOR_PHOTO * COPIES_SENT)
    raise MemoryLimitError(
        f"its file takes {size_text(size)} of memory several times over, and there are "
        f"{size_text(most)} for one; allow more with --memory {size_text(enough)}"
    )


def _process(weights: int) -> int:
    return PROCESS + WEIGHTS * weights


def _ahead(total: int) -> int:
    return min(MOST_AHEAD, max(LEAST_AHEAD, total // AHEAD_SHARE))
