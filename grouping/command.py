"""The command line: parse, call, print, exit code.

Torch, matplotlib and the like are imported only once the work begins, so that ``--help`` and
usage errors answer at once.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.arguments import build_parser, config_from
from grouping.errors import GroupingError, OutputError
from grouping.pipeline import GroupingPipeline, GroupingResult
from grouping.records import PhotoFaces
from grouping.sources import Photo, list_sources

if TYPE_CHECKING:
    import argparse

DONE, KNOWN_ERROR, USAGE, BUG, INTERRUPTED = 0, 1, 2, 3, 130
LISTED_FAILURES = 10
LISTED_PEOPLE = 10

log = logging.getLogger("grouping")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = build_parser().parse_args(argv)
    logging.basicConfig(
        level=logging.INFO if arguments.verbose else logging.WARNING, format="%(message)s"
    )
    if not arguments.verbose:
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files; ours are in the results
    try:
        with _stoppable() as stop:
            return _run(arguments, stop)
    except GroupingError as error:
        if arguments.verbose:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return KNOWN_ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return KNOWN_ERROR
    except Exception:  # noqa: BLE001 - the last resort: say that it is our fault
        traceback.print_exc()
        print("error: this is a bug of the program; please report the lines above", file=sys.stderr)
        return BUG


def _run(arguments: argparse.Namespace, stop: threading.Event) -> int:
    config = config_from(arguments)
    out = _writable(arguments.out)
    photos = list_sources(arguments.sources, out=out)
    pipeline = GroupingPipeline(config, stop=stop)
    embedder = pipeline.engine.analyser.embedder
    log.info("%s on %s, %s", embedder.model["name"], embedder.device, embedder.precision)
    with PhotoProgress() as progress:
        result = pipeline.run(photos, on_photo=progress)
    document = _write_results(result, out, plots=not arguments.no_plots)
    _print_summary(result, document, out)
    return DONE


def _write_results(result: GroupingResult, out: Path, *, plots: bool) -> dict[str, Any]:
    from grouping.report import plot_data, write_report
    from grouping.response import build_document
    from grouping.writing import write_bytes

    document = build_document(result)
    if plots:
        document["plots"] = plot_data(result.faces, result.grouping.labels, result.threshold)
    encoded = json.dumps(document, ensure_ascii=True, indent=1).encode()
    write_bytes(out / "groups.json", encoded)
    with StageProgress() as progress:
        write_report(document, out, lambda i: result.photos[i].read(), progress, plots=plots)
    return document


def _writable(out: Path) -> Path:
    """Find out before the work whether results can be written, not after it.

    Raises:
        OutputError: they cannot.
    """
    from grouping.writing import make_folder, write_bytes

    probe = make_folder(out) / f".write-test-{os.getpid()}"
    write_bytes(probe, b"")
    try:
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"{out} cannot be written: {error.strerror}; choose another --out"
        ) from None
    return out


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Let the first Ctrl-C ask for a stop, and the second one insist."""
    stop = threading.Event()

    def ask(_signal: int, _frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        print(
            "\nstopping: finishing the photos in flight (Ctrl-C again to quit now)", file=sys.stderr
        )

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


class PhotoProgress:
    """A bar for the photos, with faces and failures counted; used as a context manager."""

    def __init__(self) -> None:
        from tqdm import tqdm

        self._bar = tqdm(desc="photos", unit="photo", smoothing=0.05, disable=None)
        self._faces = self._failed = 0

    def __enter__(self) -> PhotoProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def __call__(self, photo: Photo, outcome: PhotoFaces) -> None:
        """Count one photo."""
        self._faces += len(outcome.faces)
        self._failed += outcome.failure is not None
        self._bar.set_postfix(faces=self._faces, failed=self._failed, refresh=False)
        self._bar.update()


class StageProgress:
    """One bar after another for the stages of the report; used as a context manager."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""

    def __enter__(self) -> StageProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        from tqdm import tqdm

        if stage != self._stage:
            self.__exit__()
            self._bar, self._stage = tqdm(desc=stage, total=total, disable=None), stage
        self._bar.update(done - self._bar.n)


def _print_summary(result: GroupingResult, document: dict[str, Any], out: Path) -> None:
    images, groups = document["images"], document["groups"]
    failed = [image for image in images if "error" in image]
    without = sum(image["group_idx"] == [-2] for image in images)
    grouped = int((result.grouping.labels >= 0).sum())
    print(f"network    {result.model['name']}, threshold {result.threshold:.2f}")
    print(f"photos     {len(images)} ({without} without a face, {len(failed)} failed)")
    print(f"faces      {len(result.faces)} ({grouped} in groups)")
    print(f"people     {len(groups)}")
    for group in groups[:LISTED_PEOPLE]:
        print(
            f"  person {group['group_idx']:03d}  {len(group['image_ids']):5d} photos "
            f"{len(group['face2_idx_list']):5d} faces  cohesion {group['cohesion']:.2f}"
        )
    if len(groups) > LISTED_PEOPLE:
        print(f"  ... and {len(groups) - LISTED_PEOPLE} more")
    for image in failed[:LISTED_FAILURES]:
        print(f"failed     {image['url']!r}: {image['error']}")
    if len(failed) > LISTED_FAILURES:
        print(f"failed     ... and {len(failed) - LISTED_FAILURES} more, see groups.json")
    print(f"results    {out / 'groups.json'}")
