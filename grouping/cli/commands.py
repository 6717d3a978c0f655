"""What each command does, one function each, and the table of the commands.

Torch, matplotlib and the like are imported only once the work needs them, so that ``--help``,
usage errors and runs that find all their photos in the cache are quick.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from grouping.cli.logs import note
from grouping.cli.options import (
    add_erase_options,
    add_forget_options,
    add_group_options,
    add_report_options,
    config_from,
    output_options_from,
    source_options_from,
)
from grouping.cli.outputs import write_extras, write_results
from grouping.cli.progress import PhotoProgress
from grouping.cli.summary import summary
from grouping.corrections.entries import Entry
from grouping.corrections.overrides import in_download_order
from grouping.corrections.toml_file import load_all_corrections
from grouping.errors import CacheError, FailureRateError
from grouping.pipeline import GroupingPipeline
from grouping.results.document import read_document
from grouping.results.person_ids import check_previous
from grouping.sources.entries import photos_from_entries
from grouping.sources.listing import list_sources
from grouping.storage.cache import Cache
from grouping.storage.destinations import Destination, open_destination
from grouping.storage.locations import printable
from grouping.storage.result_folder import (
    CACHE_FILE,
    CORRECTIONS_FILE,
    CORRECTIONS_PATTERN,
    GROUPS_FILE,
)


def run_group(arguments: argparse.Namespace) -> None:
    """Find out who is in which photo, and write what was found.

    Raises:
        GroupingError: what the run cannot go on after, in one line.
        Interrupted: the user asked for a stop; photos in flight are in the cache.
    """
    config, options = config_from(arguments), source_options_from(arguments)
    with ExitStack() as stack:
        destination = stack.enter_context(open_destination(arguments.out, options.s3))
        destination.recall(GROUPS_FILE, CORRECTIONS_FILE)
        previous = _previous(arguments, destination)
        entries = _corrections(arguments, destination)
        listed = partial(list_sources, arguments.sources, out=arguments.out, options=options)
        photos = listed()
        cache = stack.enter_context(_open_cache(arguments, destination))
        with _stoppable() as stop:
            pipeline = GroupingPipeline(config, cache=cache, stop=stop)
            pipeline.models.check()
            note("start", out=destination.location)
            with PhotoProgress(listed) as progress:
                result = pipeline.run(photos, on_photo=progress, corrections=entries)
        outputs = output_options_from(arguments)
        document, problems = write_results(result, destination.folder, outputs, previous)
        destination.publish()
    print(summary(result, document))
    _print_end(problems, destination.location)
    _check_failures(progress, arguments.max_failures)


def run_report(arguments: argparse.Namespace) -> None:
    """Make pictures, page and exports again from ``groups.json`` and the photos.

    Raises:
        InputError: there is no ``groups.json``, or it is something else.
        OutputError: a file cannot be written.
    """
    folder = Path(arguments.out)
    document = read_document(folder / GROUPS_FILE)
    entries = [
        {"id": image["id"], "url": image["url"] or "missing"} for image in document["images"]
    ]
    options = source_options_from(arguments)
    photos = photos_from_entries(entries, allow_local=True, options=options)
    outputs = output_options_from(arguments)
    problems = write_extras(document, folder, outputs, lambda i: photos[i].read())
    _print_end(problems, str(folder))


def run_forget(arguments: argparse.Namespace) -> None:
    """Remove photos from the cache, so that no byte of their vectors stays.

    Raises:
        CacheError: there is no cache, none of the photos is in it, or another run uses it.
    """
    with Cache.open(_cache_to_clear(arguments)) as opened:
        unknown = opened.forget(arguments.photos)
    for photo in arguments.photos:
        print(f"{'unknown   ' if photo in unknown else 'forgotten '} {photo}")
    if len(unknown) == len(arguments.photos):
        raise CacheError("none of these photos is in the cache; nothing was forgotten")


def run_erase(arguments: argparse.Namespace) -> None:
    """Remove everything from the cache.

    Raises:
        CacheError: there is no cache, or another run uses it.
    """
    cache = _cache_to_clear(arguments)
    with Cache.open(cache) as opened:
        opened.erase()
    print(f"erased     {cache}")


def _cache_to_clear(arguments: argparse.Namespace) -> Path:
    cache = arguments.cache or Path(arguments.out) / CACHE_FILE
    if not cache.exists():
        raise CacheError(f"there is no cache {printable(cache)}; name it with --out or --cache")
    return Path(cache)


def _print_end(problems: Sequence[str], place: str) -> None:
    for problem in problems:
        print(f"note       {problem}")
    print(f"results    {place}")


def _previous(arguments: argparse.Namespace, destination: Destination) -> Mapping[str, Any] | None:
    """The result whose people keep their ids; found out to be one before the work."""
    beside = destination.folder / GROUPS_FILE
    path = arguments.previous or (beside if beside.exists() else None)
    if path is None:
        return None
    document = read_document(path)
    check_previous(document)
    return document


def _corrections(arguments: argparse.Namespace, destination: Destination) -> Sequence[Entry]:
    """Entries of all files: those named, else those that lie in the output folder."""
    paths = arguments.corrections or in_download_order(
        [*destination.folder.glob(CORRECTIONS_PATTERN)]
    )
    for path in paths:
        note("corrections", file=str(path))
    return load_all_corrections(paths)


def _open_cache(
    arguments: argparse.Namespace, destination: Destination
) -> AbstractContextManager[Cache | None]:
    """The cache named, else one in the output folder, if that is on this machine."""
    if arguments.no_cache:
        return nullcontext()
    if arguments.cache is not None:
        return Cache.open(arguments.cache)
    local = Path(destination.location) == destination.folder
    return Cache.open(destination.folder / CACHE_FILE) if local else nullcontext()


def _check_failures(progress: PhotoProgress, limit: float) -> None:
    share = 100 * progress.failed / max(progress.done, 1)
    if share > limit:
        raise FailureRateError(
            f"{progress.failed} of {progress.done} photos failed, more than --max-failures "
            f"{limit:g} %; the results are saved, failures.csv says why"
        )


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Let the first Ctrl-C ask for a stop, and the second one insist."""
    stop = threading.Event()

    def ask(_signal: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        print("\nstopping after the photos in flight; Ctrl-C again quits now", file=sys.stderr)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(frozen=True)
class Command:
    """One word of the command line, and what it stands for.

    Attributes:
        name: what is typed.
        usage: what follows the name.
        help: one line for the list of the commands.
        description: what the command's own help begins with.
        add_options: declares its options.
        run: does it.
    """

    name: str
    usage: str
    help: str
    description: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


# The first is done where none is named.
COMMANDS = (
    Command(
        "group",
        "SOURCE... --out DIR [options]",
        "who is in which photo; done where no command is named",
        "Detect the faces of photos, compare them and group them by person. SOURCE is a folder "
        "(with all below it), a file, a list of photos (.txt, .csv, .json, .jsonl), an http(s):// "
        "address or s3://bucket/prefix. The same command again goes on where the last one ended: "
        "photos that are in the cache cost no time, and people keep their group_id.",
        add_group_options,
        run_group,
    ),
    Command(
        "report",
        "DIR [options]",
        "pictures, page and exports of a result again, without detection",
        "Make the pictures, the page and the exports of a result again, from its groups.json and "
        "the photos alone; nothing is detected.",
        add_report_options,
        run_report,
    ),
    Command(
        "forget",
        "PHOTO... (--out DIR | --cache FILE)",
        "remove photos from the cache for good",
        "Remove photos from the cache, so that no byte of their vectors stays in the file. Results "
        "that were written already are left alone.",
        add_forget_options,
        run_forget,
    ),
    Command(
        "erase",
        "(--out DIR | --cache FILE)",
        "remove everything from the cache for good",
        "Remove everything from the cache. Results that were written already are left alone.",
        add_erase_options,
        run_erase,
    ),
)
