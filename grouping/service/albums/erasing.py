"""What goes from the disk: albums that callers deleted, and those that are too old."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from grouping.api.albums.published import erase_published
from grouping.errors import OutputError
from grouping.service.albums.folders import AlbumFolders
from grouping.service.settings import ServiceSettings
from grouping.service.store.albums import AlbumStore

log = logging.getLogger(__name__)

DAY = 86_400.0
SECONDS_BETWEEN = 60.0


class Eraser:
    """Erases albums by and by, in a thread of its own.

    Args:
        albums: of the store.
        folders: of the albums.
        settings: of the service: how long albums are kept, and where results are besides.
        seconds: between two looks.
    """

    def __init__(
        self,
        albums: AlbumStore,
        folders: AlbumFolders,
        settings: ServiceSettings,
        seconds: float = SECONDS_BETWEEN,
    ) -> None:
        self._albums, self._folders = albums, folders
        self._settings = settings
        self._oldest = None if settings.keep_days is None else settings.keep_days * DAY
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="eraser", daemon=True)

    def start(self) -> None:
        """Begin; what a process that was killed left of uploads goes at once."""
        if self._folders.is_alone():
            self._safely(self.remove_unfinished)
            self._folders.others_may_come()
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._stop.set()
        self._thread.join()
        self._folders.leave()

    def remove_unfinished(self) -> None:
        """Remove uploads that no request finished, where no process takes any."""
        for album in self._folders.known():
            used = self._albums.uploads(album)
            if used is None and self._folders.has_only_uploads(album):
                self._folders.erase(album)
            elif used is not None:
                self._folders.remove_uploads(album, keep=used, older_than=0.0)

    def erase(self, album: str) -> None:
        """Erase an album that nobody works on: its folder, then its rows.

        Raises:
            OutputError: something of it stays; the rows too, so that it is tried again.
        """
        self._erase_files(album)
        self._albums.erase(album)

    def after_job(self, album: str) -> None:
        """Erase an album that callers deleted while a job was at it.

        Where its rows are gone, since the job had lost its lease, the folder must not come back.
        """
        if self._albums.uploads(album) is None:
            self._erase_files(album)
        elif album in self._albums.to_erase(None):
            self.erase(album)

    def _erase_files(self, album: str) -> None:
        self._folders.erase(album)
        if (place := self._settings.results_of(album)) is not None:
            erase_published(place, self._settings.s3)

    def erase_due(self) -> int:
        """Erase what callers deleted and what is too old, where no job is; return how many."""
        count = 0
        for album in self._albums.to_erase(self._oldest):
            if self._albums.begin_erasing(album, self._oldest):
                try:
                    self.erase(album)
                    count += 1
                except OutputError as error:  # tried again at the next look
                    log.error("%s", error, extra={"fields": {"album": album}})
        return count

    def tidy_up(self) -> None:
        """Remove uploads that no request finished, and let go of keys of old requests."""
        self._albums.forget_requests(DAY)
        for album in self._folders.known():
            used = self._albums.uploads(album)
            if used is not None:
                self._folders.remove_uploads(album, keep=used, older_than=DAY)
            elif self._folders.age(album) > DAY:
                self._folders.erase(album)

    def _work(self) -> None:
        while True:
            self._safely(self._look)
            if self._stop.wait(self._seconds):
                return

    def _look(self) -> None:
        if count := self.erase_due():
            log.info("albums erased", extra={"fields": {"albums": count}})
        self.tidy_up()

    def _safely(self, work: Callable[[], None]) -> None:
        """What keeps its promise to erase must not end."""
        try:
            work()
        except (SQLAlchemyError, OSError) as error:
            log.error("albums cannot be erased: %s", type(error).__name__)
        except Exception:
            log.exception("albums cannot be erased")
