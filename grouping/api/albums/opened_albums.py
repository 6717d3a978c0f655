"""Albums that are asked often, kept open: :class:`OpenedAlbums`."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from grouping.lookup.album_index import AlbumIndex
from grouping.people.identify.look_up import FALSE_MATCHES
from grouping.storage.result_folder import CORRECTIONS_PATTERN, GROUPS_FILE

# Files of which one changes whenever the answers do.
Stamp = tuple[tuple[str, int, int, int], ...]

MOST_ALBUMS = 16
MOST_FACES = 500_000  # of all albums together: 2 kB of vector and a few of words each


class OpenedAlbums:
    """Albums opened to be asked, the last ones kept; any thread may ask.

    An album is opened again once its results or corrections change, and let go with its folder.
    The first answer of an album takes seconds where it has a hundred thousand faces; all that
    later ones share is computed then.

    Args:
        most_albums: that are kept.
        most_faces: of all that are kept together; the last one asked is kept however large.
    """

    def __init__(self, most_albums: int = MOST_ALBUMS, most_faces: int = MOST_FACES) -> None:
        self._most_albums, self._most_faces = most_albums, most_faces
        self._kept: OrderedDict[Path, tuple[Stamp, Future[AlbumIndex]]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, folder: Path) -> AlbumIndex:
        """Return an album, opened where it is not or has changed; threads wait for each other.

        Args:
            folder: of the results.

        Raises:
            InputError: there is no album, it is damaged, or the cache has no vectors of it.
            CorrectionsError: the corrections in the folder cannot be read.
        """
        stamp = _stamp(folder)
        with self._lock:
            self._let_go_of_changed()
            known = self._kept.get(folder)
            if known is not None and known[0] == stamp:
                self._kept.move_to_end(folder)
                opened, ours = known[1], False
            else:
                opened, ours = Future(), True
                self._kept[folder] = (stamp, opened)
        if ours:
            self._open(folder, opened)
        return opened.result()

    def forget(self, folder: Path) -> None:
        """Let go of an album, whose vectors leave the memory with the last question."""
        with self._lock:
            self._kept.pop(folder, None)

    def _open(self, folder: Path, opened: Future[AlbumIndex]) -> None:
        """Open an album for all who wait; what fails is not kept."""
        try:
            index = AlbumIndex.open(folder)
            if len(index):
                # What every answer needs, so that the first ones do not compute it side by side.
                _ = index.people, index.strangers, index.look_ups_of_strangers(FALSE_MATCHES)
        except BaseException as error:  # noqa: BLE001 - raised again in every thread that waits
            self._forget_failed(folder, opened)
            opened.set_exception(error)
            return
        opened.set_result(index)
        with self._lock:
            self._make_room()

    def _forget_failed(self, folder: Path, opened: Future[AlbumIndex]) -> None:
        with self._lock:
            if folder in self._kept and self._kept[folder][1] is opened:
                del self._kept[folder]

    def _make_room(self) -> None:
        """Let go of those asked longest ago."""
        while len(self._kept) > 1 and (
            len(self._kept) > self._most_albums or sum(self._faces()) > self._most_faces
        ):
            self._kept.popitem(last=False)

    def _faces(self) -> Iterator[int]:
        for _, opened in self._kept.values():
            if opened.done():
                yield len(opened.result())

    def _let_go_of_changed(self) -> None:
        """An album that was erased, or grouped again, stays no longer in memory than needed."""
        changed = [
            folder
            for folder, (stamp, opened) in self._kept.items()
            if opened.done() and _stamp(folder) != stamp
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
