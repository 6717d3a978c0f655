"""What albums gave when they were read, the last ones kept: :class:`KeptAlbums`."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Generic, TypeVar

from grouping.storage.result_folder import CORRECTIONS_PATTERN, GROUPS_FILE

T = TypeVar("T")

# Files of which one changes whenever the answers do.
Stamp = tuple[tuple[str, int, int, int], ...]


class KeptAlbums(Generic[T]):
    """What was made of each of some albums; any thread may ask.

    It is made again once the results or corrections of an album change, and let go with its
    folder.

    Args:
        make: of a folder of results; called by one thread for all that wait for it.
        size: of what was made.
        most: albums that are kept.
        most_size: of all that are kept together; the last one asked is kept however large.
    """

    def __init__(
        self, make: Callable[[Path], T], size: Callable[[T], int], most: int, most_size: int
    ) -> None:
        self._make, self._size = make, size
        self._most, self._most_size = most, most_size
        self._kept: OrderedDict[Path, tuple[Stamp, Future[T]]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, folder: Path) -> T:
        """Return what was made of an album; threads wait for each other.

        Args:
            folder: of the results.

        Raises:
            Whatever making it raises, in all threads that wait; nothing is kept of that.
        """
        stamp = _stamp(folder)
        with self._lock:
            self._let_go_of_changed()
            known = self._kept.get(folder)
            if known is not None and known[0] == stamp:
                self._kept.move_to_end(folder)
                future, ours = known[1], False
            else:
                future, ours = Future(), True
                self._kept[folder] = (stamp, future)
        if ours:
            self._fill(folder, future)
        return future.result()

    def forget(self, folder: Path) -> None:
        """Let go of an album, which leaves the memory with the last question."""
        with self._lock:
            self._kept.pop(folder, None)

    def _fill(self, folder: Path, future: Future[T]) -> None:
        """Make it for all who wait."""
        try:
            made = self._make(folder)
        except BaseException as error:  # noqa: BLE001 - raised again in every thread that waits
            self._forget_failed(folder, future)
            future.set_exception(error)
            return
        future.set_result(made)
        with self._lock:
            self._make_room()

    def _forget_failed(self, folder: Path, future: Future[T]) -> None:
        with self._lock:
            if folder in self._kept and self._kept[folder][1] is future:
                del self._kept[folder]

    def _make_room(self) -> None:
        """Let go of those asked longest ago."""
        while len(self._kept) > 1 and (
            len(self._kept) > self._most or sum(self._sizes()) > self._most_size
        ):
            self._kept.popitem(last=False)

    def _sizes(self) -> Iterator[int]:
        for _, future in self._kept.values():
            if future.done():
                yield self._size(future.result())

    def _let_go_of_changed(self) -> None:
        """An album that was erased, or grouped again, stays no longer in memory than needed."""
        changed = [
            folder
            for folder, (stamp, future) in self._kept.items()
            if future.done() and _stamp(folder) != stamp
        ]
        for folder in changed:
            del self._kept[folder]


def _stamp(folder: Path) -> Stamp:
    """What tells one state of an album's files from another; empty where there are none."""
    files = [folder / GROUPS_FILE, *sorted(folder.glob(CORRECTIONS_PATTERN))]
    return tuple(_seen(file) for file in files if file.exists())


def _seen(file: Path) -> tuple[str, int, int, int]:
    try:
        status = os.stat(file)
    except OSError:
        return file.name, 0, 0, 0
    return file.name, status.st_mtime_ns, status.st_size, status.st_ino
