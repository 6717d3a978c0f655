"""The command line: parse, call, print, exit code.

Torch, matplotlib and the like are imported only once the work needs them, so that ``--help``,
usage errors and runs that find all their photos in the cache are quick.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from grouping.cli.options import (
    build_parser,
    build_report_parser,
    config_from,
    source_options_from,
)
from grouping.cli.outputs import GROUPS_FILE, read_document, summary, write_extras, write_results
from grouping.cli.progress import PhotoProgress, note, set_up_logging
from grouping.corrections.apply import Entry
from grouping.corrections.overrides import in_order
from grouping.corrections.toml_file import load_all_corrections
from grouping.errors import CacheError, FailureRateError, GroupingError, Interrupted
from grouping.pipeline import GroupingPipeline
from grouping.results.person_ids import assign_ids
from grouping.sources.entries import list_sources, photos_from_entries
from grouping.storage.cache import Cache
from grouping.storage.cache_database import CACHE_NAME
from grouping.storage.destinations import Sink, open_sink
from grouping.storage.locations import printable

DONE, KNOWN_ERROR, USAGE, TOO_MANY_FAILURES, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 130
CORRECTIONS_NAME = "corrections.toml"
CORRECTIONS_PATTERN = "corrections*.toml"  # browsers number what is downloaded again


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["report"]:
        return _guarded(_report, build_report_parser().parse_args(words[1:]))
    parser = build_parser()
    arguments = parser.parse_args(words)
    if not all([arguments.out, *arguments.sources]):
        parser.error("a SOURCE or --out is empty; is a variable not set?")
    if arguments.forget or arguments.erase:
        if arguments.sources:
            parser.error("--forget and --erase take no SOURCE")
        return _guarded(_forget, arguments)
    if not arguments.sources:
        parser.error("name at least one SOURCE")
    return _guarded(_run, arguments)


def _guarded(work: Any, arguments: argparse.Namespace) -> int:
    """Call, and turn whatever comes back into an exit code and one line."""
    set_up_logging(as_json=arguments.log_json, verbose=arguments.verbose)
    if not arguments.verbose:
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files; ours are in the results
    try:
        work(arguments)
    except Interrupted:
        hint = "" if arguments.no_cache else "; the same command again goes on from here"
        print(f"interrupted{hint}", file=sys.stderr)
        return INTERRUPTED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except GroupingError as error:
        if arguments.verbose:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return TOO_MANY_FAILURES if isinstance(error, FailureRateError) else KNOWN_ERROR
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return KNOWN_ERROR
    except Exception:  # noqa: BLE001 - the last resort: say that it is our fault
        traceback.print_exc()
        print("error: this is a bug of the program; please report the lines above", file=sys.stderr)
        return BUG
    return DONE


def _run(arguments: argparse.Namespace) -> None:
    config, options = config_from(arguments), source_options_from(arguments)
    with ExitStack() as stack:
        sink = stack.enter_context(open_sink(arguments.out, options.s3))
        sink.recall(GROUPS_FILE, CORRECTIONS_NAME)
        previous = _previous(arguments, sink)
        entries = _corrections(arguments, sink)
        listed = partial(list_sources, arguments.sources, out=arguments.out, options=options)
        photos = listed()
        cache = _open_cache(arguments, sink)
        if cache is not None:
            stack.enter_context(cache)
        with _stoppable() as stop:
            pipeline = GroupingPipeline(config, cache=cache, stop=stop)
            pipeline.models.check()
            note("start", out=sink.location)
            with PhotoProgress(listed) as progress:
                result = pipeline.run(photos, on_photo=progress, corrections=entries)
        document, problems = write_results(result, sink.folder, arguments, previous)
        sink.publish()
    print(summary(result, document))
    _print_end(problems, sink.location)
    _check_failures(progress, arguments.max_failures)


def _report(arguments: argparse.Namespace) -> None:
    folder = Path(arguments.out)
    document = read_document(folder / GROUPS_FILE)
    entries = [
        {"id": image["id"], "url": image["url"] or "missing"} for image in document["images"]
    ]
    options = source_options_from(arguments)
    photos = photos_from_entries(entries, allow_local=True, options=options)
    problems = write_extras(document, folder, arguments, lambda i: photos[i].read())
    _print_end(problems, str(folder))


def _print_end(problems: Sequence[str], place: str) -> None:
    for problem in problems:
        print(f"note       {problem}")
    print(f"results    {place}")


def _forget(arguments: argparse.Namespace) -> None:
    cache = arguments.cache or Path(arguments.out) / CACHE_NAME
    if not cache.exists():
        raise CacheError(f"there is no cache {printable(cache)}; name it with --out or --cache")
    with Cache.open(cache) as opened:
        if arguments.erase:
            opened.erase()
            print(f"erased     {cache}")
            return
        unknown = opened.forget(arguments.forget)
    for photo in arguments.forget:
        print(f"{'unknown   ' if photo in unknown else 'forgotten '} {photo}")
    if len(unknown) == len(arguments.forget):
        raise CacheError("none of these photos is in the cache; nothing was forgotten")


def _previous(arguments: argparse.Namespace, sink: Sink) -> Mapping[str, Any] | None:
    """The result whose people keep their ids; found out to be one before the work."""
    beside = sink.folder / GROUPS_FILE
    path = arguments.previous or (beside if beside.exists() else None)
    if path is None:
        return None
    document = read_document(path)
    assign_ids(document, [], 0)
    return document


def _corrections(arguments: argparse.Namespace, sink: Sink) -> Sequence[Entry]:
    """Entries of all files: those named, else those that lie in the output folder."""
    paths = arguments.corrections or in_order([*sink.folder.glob(CORRECTIONS_PATTERN)])
    for path in paths:
        note("corrections", file=str(path))
    return load_all_corrections(paths)


def _open_cache(arguments: argparse.Namespace, sink: Sink) -> Cache | None:
    """The cache named, else one in the output folder, if that is on this machine."""
    if arguments.no_cache:
        return None
    if arguments.cache is not None:
        return Cache.open(arguments.cache)
    local = Path(sink.location) == sink.folder
    return Cache.open(sink.folder / CACHE_NAME) if local else None


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
