"""How many cores networks take in a thread, where several threads ask them at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache


def take_share(threads: int) -> None:
    """Have networks that this thread asks from now on take their share of the cores.

    With all cores for each, threads wait for each other's at every layer.

    Args:
        threads: that ask networks at a time, this one counted.
    """
    import torch

    usual = _usual()
    wanted = max(1, usual // threads)
    if torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)
        # Of this thread, and of all that begin later: those begin with the usual number again.
        _in_a_thread(lambda: torch.set_num_threads(usual))


@cache
def _usual() -> int:
    """What threads begin with."""
    import torch

    found: list[int] = []
    _in_a_thread(lambda: found.append(torch.get_num_threads()))
    return found[0]


def _in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work, name="shared-cores")
    thread.start()
    thread.join()
