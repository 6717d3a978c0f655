"""``--opt-out`` and ``--redact``: who is left out of a run, and copies with them covered."""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grouping.cli.display.logs import note
from grouping.cli.display.progress import PhotoProgress
from grouping.errors import ConfigError, GroupingError, OutputError
from grouping.opting_out import clear_cache, usual_impostors
from grouping.sources.entries import SourceOptions
from grouping.storage.atomic_files import is_full
from grouping.storage.cache import Cache
from grouping.storage.database.erasing import erase_cache
from grouping.storage.destinations import Destination
from grouping.storage.folder_lock import FolderLock
from grouping.storage.locations import printable, scheme_of
from grouping.storage.result_folder import (
    CACHE_FILE,
    FACES_TABLE,
    GROUPS_FILE,
    GROUPS_TABLE,
    SUBFOLDERS,
)

if TYPE_CHECKING:
    from grouping.people.identify.opt_out import OptOut
    from grouping.pipeline import GroupingPipeline
    from grouping.references.known_people import KnownPeople
    from grouping.results.run_result import GroupingResult


PROBE_BYTES = 2**16  # less is no room for the log of a cache


def add_opt_out_options(parser: argparse.ArgumentParser) -> None:
    """Add who is left out."""
    add = parser.add_argument_group("people who want to be left out").add_argument
    add(
        "--opt-out",
        type=Path,
        metavar="PATH",
        help="photos of people who are grouped, shown and stored nowhere: a folder with a photo or "
        "a sub-folder a person, or a CSV file (name,photo); opt_out.csv lists the album's photos "
        "that they are in",
    )
    add(
        "--redact",
        type=Path,
        metavar="DIR",
        help="write copies of those photos there, with their faces covered",
    )


def check_opt_out(arguments: argparse.Namespace, destination: Destination) -> None:
    """Find out before the work whether the options go together.

    Raises:
        ConfigError: they do not.
    """
    if arguments.redact is not None and arguments.opt_out is None:
        raise ConfigError("--redact needs --opt-out, which says whose faces are to be covered")
    links = [n for n in SUBFOLDERS if (destination.folder / n).is_symlink()]
    if arguments.opt_out is not None and links:
        raise ConfigError(
            f"{printable(destination.folder / links[0])} is a link, and nothing that shows people "
            "who opted out is removed through links; make it a folder"
        )
    elsewhere = Path(destination.location) != destination.folder
    if arguments.opt_out is not None and elsewhere and (destination.folder / GROUPS_FILE).exists():
        raise ConfigError(
            f"{destination.location} holds results of an earlier run, which may show people who "
            "opted out; remove them, or name an empty place with --out"
        )


def read_opt_out(
    arguments: argparse.Namespace,
    pipeline: GroupingPipeline,
    options: SourceOptions,
    known: KnownPeople | None,
) -> OptOut | None:
    """Read the references of people who want to be left out; None where nobody does.

    Raises:
        InputError: they cannot be read, somebody cannot be left out for want of a usable photo, or
            is among the people known beforehand too.
    """
    if arguments.opt_out is None:
        return None
    from grouping.references.opt_out import check_apart, load_opt_out, references_of

    models, workers = pipeline.models, pipeline.config.workers
    with PhotoProgress(None, "references") as progress:
        people = load_opt_out(
            arguments.opt_out, models, options, workers=workers, on_photo=progress
        )
    for problem in people.problems:
        note("opt-out", problem=problem)
    if known is not None:
        check_apart(known, people, usual_impostors(pipeline.models))
    return references_of(people)


@contextmanager
def removing_where_full(arguments: argparse.Namespace) -> Iterator[None]:
    """Have a run with ``--opt-out`` that ends for want of room end without what shows people.

    Who it is that opted out cannot be kept apart then, so that all pictures, exports, tables of
    faces and the cache of earlier runs go: nothing of it needs room, and the next run makes it
    again. ``groups.json`` stays, for people to keep their ids.

    Raises:
        OutputError: in place of the error of the run, saying what was removed.
    """
    try:
        yield
    except GroupingError as error:
        folder = Path(arguments.out)
        if arguments.opt_out is None or not arguments.opt_out.exists() or scheme_of(arguments.out):
            raise
        if not (folder / GROUPS_FILE).is_file() or not lacks_room(error, folder):
            raise
        _remove_all(folder, arguments.cache)
        raise OutputError(
            f"the disk is full; pictures, exports, faces.csv and the cache in {printable(folder)}, "
            "which may show people who opted out, were removed, groups.json still lists their "
            "faces: free some space and run it again"
        ) from error


def lacks_room(error: BaseException | None, folder: Path) -> bool:
    """Return whether an error comes of a full disk; where SQLite does not say, that of a folder."""
    while error is not None:
        number = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if number == sqlite3.SQLITE_FULL or (isinstance(error, OSError) and is_full(error)):
            return True
        if number in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):  # of whatever reason
            return _is_full(folder)
        error = error.__cause__
    return False


def _is_full(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return is_full(error)
    return False


def _remove_all(folder: Path, cache: Path | None) -> None:
    from grouping.export.earlier_exports import remove_exports
    from grouping.report.earlier_pictures import remove_pictures

    with FolderLock(folder):
        remove_exports(folder)
        remove_pictures(None, folder)
        for name in (FACES_TABLE, GROUPS_TABLE):
            (folder / name).unlink(missing_ok=True)
        for path in {cache or folder / CACHE_FILE, folder / CACHE_FILE}:
            if path.is_file():
                erase_cache(path)


def clear_other_cache(
    pipeline: GroupingPipeline, result: GroupingResult, opt_out: OptOut | None, folder: Path
) -> None:
    """Take people who opted out of a cache that an earlier run left beside the results.

    Args:
        pipeline: of the run; its own cache is clear.
        result: of the run.
        opt_out: the people.
        folder: of the results.

    Raises:
        CacheError: another run uses it.
    """
    beside = folder / CACHE_FILE
    own = pipeline.cache is not None and pipeline.cache.path.resolve() == beside.resolve()
    if opt_out is None or result.opted_out is None or own or not beside.is_file():
        return
    with Cache.open(beside) as cache:
        clear_cache(cache, pipeline.models, result.outcomes, result.opted_out, opt_out)
