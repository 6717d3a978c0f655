"""Which folders of one run may lie in each other: nothing is taken for, or cleared as, another.

Photos of people known beforehand, or who opted out, that lie among the album's photos are no photos
of the album; everything else that would mix is refused before the work.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from grouping.errors import ConfigError
from grouping.sources.folders import holds_results
from grouping.storage.locations import local_path, printable, scheme_of
from grouping.storage.result_folder import CACHE_FILE, GROUPS_FILE, LOCK_FILE, SUBFOLDERS, WRITTEN


def check_places(arguments: argparse.Namespace) -> None:
    """See to it that the folders of a run do not mix, whatever links they are named by.

    Raises:
        ConfigError: two of them do; names both.
    """
    out = _local(arguments.out)
    sources = [path for source in arguments.sources if (path := _local(source)) is not None]
    lists = list(_lists(arguments))
    if arguments.opt_out is not None and holds_results(arguments.opt_out):
        raise ConfigError(
            f"--opt-out {printable(arguments.opt_out)} holds results of a run; name a folder with "
            "photos of people"
        )
    for option, folder in lists:
        _check_list(option, folder, out, arguments.redact)
    _check_lists_apart(lists)
    for source in sources:
        _check_source(source, out, arguments)
    cache, redact = arguments.cache, arguments.redact
    if (
        cache
        and out
        and any(_inside(cache, out / n) for n in (*WRITTEN, LOCK_FILE) if n != CACHE_FILE)
    ):
        raise ConfigError(
            f"--cache {printable(cache)} is where results go; name another file with --cache"
        )
    if redact and out and (_same(redact, out) or _is_filled_by_runs(redact, out)):
        raise ConfigError(
            f"--redact {printable(redact)} is where the results go; name another folder"
        )


def reference_folders(arguments: argparse.Namespace) -> list[Path]:
    """Return the folders of photos of people, which are no photos of the album."""
    return [folder for _, folder in _lists(arguments)]


def _lists(arguments: argparse.Namespace) -> Iterator[tuple[str, Path]]:
    """Folders of photos of people, with their options; results of earlier runs are none."""
    for option, path in (("--opt-out", arguments.opt_out), ("--people", arguments.people)):
        if path is not None and path.is_dir() and not (path / GROUPS_FILE).is_file():
            yield option, path


def _check_list(option: str, folder: Path, out: Path | None, redact: Path | None) -> None:
    for other, path in (("--out", out), ("--redact", redact)):
        if path is not None and _inside(path, folder):
            raise ConfigError(
                f"{other} {printable(path)} lies in {option} {printable(folder)}, where the next "
                "run would take it for somebody; name a folder elsewhere"
            )
    if out is not None and _is_filled_by_runs(folder, out):
        raise ConfigError(
            f"{option} {printable(folder)} is filled and cleared by runs; copy the photos to a "
            "folder of your own"
        )


def _check_lists_apart(lists: list[tuple[str, Path]]) -> None:
    for option, folder in lists:
        for other, path in lists:
            if option != other and _inside(folder, path):
                raise ConfigError(
                    f"{option} {printable(folder)} lies in {other} {printable(path)}, which would "
                    "take it for somebody; name folders beside each other"
                )


def _check_source(source: Path, out: Path | None, arguments: argparse.Namespace) -> None:
    opt_out, redact = arguments.opt_out, arguments.redact
    if opt_out is not None and opt_out.is_dir() and _inside(source, opt_out):
        raise ConfigError(
            f"{printable(source)} lies in --opt-out {printable(opt_out)}, whose photos are of "
            "people who are left out; name the photos of the album"
        )
    if redact is not None and (_inside(source, redact) or _is_below(redact, source)):
        raise ConfigError(
            f"--redact {printable(redact)} lies among the photos, or they in it: the next run "
            "would take the copies for photos; name a folder elsewhere"
        )
    if out is not None and not holds_results(source) and _is_filled_by_runs(source, out):
        raise ConfigError(
            f"{printable(source)} is filled and cleared by runs with --out {printable(out)}; "
            "choose another output folder"
        )


def _local(place: str) -> Path | None:
    return local_path(place) if scheme_of(place) in ("", "file") else None


def _is_filled_by_runs(folder: Path, out: Path) -> bool:
    return any(_inside(folder, out / name) for name in SUBFOLDERS)


def _is_below(path: Path, folder: Path) -> bool:
    return folder.is_dir() and _inside(path, folder)


def _inside(path: Path, folder: Path) -> bool:
    """Whether a place is a folder or lies in it, links followed."""
    return path.resolve().is_relative_to(folder.resolve())


def _same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()
