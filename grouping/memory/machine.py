"""How much memory this machine has for us: what is built in, or the least that somebody set.

That may be a control group of Linux, or a limit of the process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from grouping.control_groups import group_folders, read_text

SHARE = 4  # the default budget is one of so many parts
UNKNOWN_MACHINE = 4 * 2**30  # where nothing says how much there is
# The files of a group that say how much it may take, of versions 1 and 2.
LIMITS = ("memory.limit_in_bytes", "memory.max", "memory.high")


def default_memory() -> int:
    """Bytes that a run may take where nobody says so: a quarter of what the machine has."""
    return machine_memory() // SHARE


def machine_memory(root: Path = Path("/")) -> int:
    """Bytes of memory for this process and all that it starts.

    Args:
        root: of the file system that says which control groups there are.
    """
    known = [*_built_in(), *group_limits(root), *process_limits()]
    return min(known, default=UNKNOWN_MACHINE)


def group_limits(root: Path) -> Iterator[int]:
    """Yield the limits of the control groups of this process, and of those above them.

    Args:
        root: of the file system that says which there are.
    """
    for folder in group_folders("memory", root):
        for name in LIMITS:
            text = read_text(folder / name).strip()
            if text.isascii() and text.isdecimal() and int(text) > 0:  # else "max"
                yield int(text)


def process_limits() -> Iterator[int]:
    """Yield the limits that the shell or a batch system set for each process (``ulimit``)."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for name in ("RLIMIT_AS", "RLIMIT_DATA"):
        limit = getattr(resource, name, None)
        soft = resource.RLIM_INFINITY if limit is None else resource.getrlimit(limit)[0]
        if soft != resource.RLIM_INFINITY and soft > 0:
            yield soft


def _built_in() -> Iterator[int]:
    """Yield the physical memory."""
    try:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        if sys.platform == "win32":  # pragma: no cover
            yield _windows_memory()


def _windows_memory() -> int:  # pragma: no cover
    """See GetPhysicallyInstalledSystemMemory of the Windows API, which counts in KiB."""
    import ctypes

    kilobytes = ctypes.c_ulonglong(0)
    kernel = ctypes.CDLL("kernel32")
    kernel.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
    return kilobytes.value * 1024 or UNKNOWN_MACHINE
