"""Why an album cannot be read or asked: it is not grouped yet, has to be again, or the disk fails.

The messages of the errors behind it name places of this machine, and go to the log alone.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3

from grouping.errors import GroupingError
from grouping.service.context import Context
from grouping.service.store.records import FAILED, AlbumRecord
from grouping.service.web.error_envelope import not_found
from grouping.service.web.refusals import RefusedRequestError, storage_full
from grouping.service.web.room import causes, no_room

log = logging.getLogger(__name__)

NOT_READY = "not_ready"  # waiting helps
GROUP_AGAIN = "group_again"  # waiting does not
LEAST_BYTES = 128 * 1024  # that SQLite takes to read a file others may write
AWAY_SECONDS = 30
DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def grouped(album: AlbumRecord | None) -> AlbumRecord:
    """Return an album that has results.

    Raises:
        RefusedRequestError: 404: there is no such album; 409: it has no results yet.
    """
    if album is None:
        raise not_found()
    if not album.done:
        helps = "post photos, or none, to try again" if album.state == FAILED else "ask again later"
        message = f"the album has no results yet, it is {album.state}; {helps}"
        raise RefusedRequestError(409, NOT_READY, message)
    return album


def unreadable(context: Context, id: str, error: GroupingError) -> RefusedRequestError:
    """Return why the results of a grouped album could not be read or asked.

    Args:
        context: of the service.
        id: of the album, which may be gone meanwhile.
        error: that reading it raised.
    """
    if context.albums.get(id) is None:
        return not_found()
    log.error("an album cannot be read: %s", error, extra={"fields": {"album": id}})
    if not _is_of_the_disk(error):
        message = "the results are damaged, of another network, or without vectors; group the album"
        return RefusedRequestError(409, GROUP_AGAIN, f"{message} again: post photos, or none")
    if no_room(error) or shutil.disk_usage(context.settings.data).free < LEAST_BYTES:
        return storage_full()
    message = "the results cannot be read now; the log of the service says why"
    return RefusedRequestError(503, "unavailable", message, {"Retry-After": str(AWAY_SECONDS)})


def _is_of_the_disk(error: BaseException) -> bool:
    """Whether a file is there and whole, for all we know, and cannot be read."""
    for cause in causes(error):
        if isinstance(cause, sqlite3.OperationalError):
            return cause.sqlite_errorcode & 0xFF not in DAMAGE
        if isinstance(cause, OSError) and not isinstance(cause, GroupingError | FileNotFoundError):
            return True
    return False
