"""How much memory this machine has for us: what is built in, or the least that somebody set.

A container or a batch system gives a process less than the machine has, as a control group of
Linux (version 1 or 2; every group above it counts too) or as a limit of the process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

SHARE = 4  # the default budget is one of so many parts
UNKNOWN_MACHINE = 4 * 2**30  # where nothing says how much there is
GROUPS = Path("proc/self/cgroup")
MOUNT = Path("sys/fs/cgroup")
MOST_BYTES = 1 << 20  # of a file below /proc or /sys
MOST_LEVELS = 64  # of groups within groups
# Where controllers are mounted, and the files of a group that say how much it may take.
VERSION_1 = (("memory",), ("memory.limit_in_bytes",))
VERSION_2 = (("", "unified"), ("memory.max", "memory.high"))


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
    for line in _text(root / GROUPS).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            yield from _limits_upwards(root / MOUNT, path, *VERSION_2)
        elif "memory" in controllers.split(","):
            yield from _limits_upwards(root / MOUNT, path, *VERSION_1)


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


def _limits_upwards(
    mount: Path, path: str, folders: tuple[str, ...], files: tuple[str, ...]
) -> Iterator[int]:
    """Yield the limits of a group and of all above it.

    In a container the path may be that of the host, of which only an end is there: levels that
    are missing are passed over.
    """
    names = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    for depth in range(min(len(names), MOST_LEVELS), -1, -1):
        for folder in folders:
            group = mount.joinpath(folder, *names[:depth])
            for text in (_text(group / file).strip() for file in files):
                if text.isascii() and text.isdecimal() and int(text) > 0:  # else "max"
                    yield int(text)


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


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
