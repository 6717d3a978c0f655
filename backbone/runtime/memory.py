"""Freed memory that stays with the process, for the next tensor of the same size."""

from __future__ import annotations

import ctypes
import sys

# From <malloc.h> of glibc.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3

KEPT_BYTES = 128 * 2**20  # freed memory that is not given back
LARGEST_KEPT = 32 * 2**20  # one tensor; glibc takes no more


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory instead of giving it back to the system.

    Otherwise most tensors of a network are new memory each time, whose pages the system clears
    and maps one by one: a sixth of the time of MobileFaceNet. This changes the whole process,
    so that only programs and worker processes of our own ask for it, not the library.

    Returns:
        False where the C library is not glibc and nothing was changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((M_MMAP_THRESHOLD, LARGEST_KEPT), (M_TRIM_THRESHOLD, KEPT_BYTES))
    return all(mallopt(*setting) == 1 for setting in wanted)
