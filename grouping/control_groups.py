"""Control groups of Linux: the folders that say how much this process may take.

A container or a batch system gives a process less than the machine has, by the limits of its group
(version 1 or 2) and of every group above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

OWN_GROUPS = Path("proc/self/cgroup")
MOUNT = Path("sys/fs/cgroup")
MOST_BYTES = 1 << 20  # of a file below /proc or /sys
MOST_LEVELS = 64  # of groups within groups


def group_folders(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of this process's groups, and of all groups above them.

    In a container the path of a group may be that of the host, of which only an end is there: so
    folders may be missing. Where nothing is known of groups there are none.

    Args:
        controller: ``"memory"`` or ``"cpu"``, of version 1; version 2 has one folder for all.
        root: of the file system.
    """
    for line in read_text(root / OWN_GROUPS).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            mounts = ["", "unified"]
        elif controller in controllers.split(","):
            mounts = list(dict.fromkeys((controller, controllers)))
        else:
            continue
        names = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
        for depth in range(min(len(names), MOST_LEVELS), -1, -1):
            for mount in mounts:
                yield (root / MOUNT).joinpath(mount, *names[:depth])


def read_text(path: Path) -> str:
    """The start of a file below ``/proc`` or ``/sys``; nothing where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
