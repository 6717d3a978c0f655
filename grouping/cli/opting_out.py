"""``--opt-out`` and ``--redact``: who is left out of a run, and copies with them covered."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from grouping.cli.logs import note
from grouping.cli.progress import PhotoProgress
from grouping.errors import ConfigError
from grouping.opting_out import clear_cache, usual_impostors
from grouping.sources.entries import SourceOptions
from grouping.storage.cache import Cache
from grouping.storage.destinations import Destination
from grouping.storage.locations import scheme_of
from grouping.storage.result_folder import CACHE_FILE, GROUPS_FILE

if TYPE_CHECKING:
    from grouping.people.identify.opt_out import OptOut
    from grouping.pipeline import GroupingPipeline
    from grouping.references.known_people import KnownPeople
    from grouping.results.run_result import GroupingResult


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
    if arguments.redact is not None:
        if arguments.opt_out is None:
            raise ConfigError("--redact needs --opt-out, which says whose faces are to be covered")
        _check_outside(arguments.redact, arguments.sources)
    elsewhere = Path(destination.location) != destination.folder
    if arguments.opt_out is not None and elsewhere and (destination.folder / GROUPS_FILE).exists():
        raise ConfigError(
            f"{destination.location} holds results of an earlier run, which may show people who "
            "opted out; remove them, or name an empty place with --out"
        )


def _check_outside(folder: Path, sources: list[str]) -> None:
    for source in sources:
        inside = Path(source).resolve()
        if not scheme_of(source) and inside.is_dir() and folder.resolve().is_relative_to(inside):
            raise ConfigError(
                f"--redact {folder} lies among the photos, whose next run would take the copies "
                "for photos; name a folder elsewhere"
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
