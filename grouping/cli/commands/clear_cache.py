"""``forget`` and ``erase``: what the cache knows, removed for good."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from grouping.cli.command import Command
from grouping.cli.display.logs import terminal_line
from grouping.cli.options import add_cache_place, add_common
from grouping.errors import CacheError, InputError
from grouping.results.document import read_document
from grouping.storage.cache import Cache
from grouping.storage.database.erasing import erase_cache
from grouping.storage.locations import place_keys, printable
from grouping.storage.result_folder import CACHE_FILE, GROUPS_FILE, THUMBNAILS_FOLDER


def add_forget_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``forget``."""
    parser.add_argument("photos", nargs="+", metavar="PHOTO", help="path or address of a photo")
    add_cache_place(parser)
    add_common(parser)


def add_erase_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``erase``."""
    add_cache_place(parser)
    add_common(parser)


def run_forget(arguments: argparse.Namespace) -> None:
    """Remove photos from the cache, so that no byte of their vectors stays, and small pictures.

    Raises:
        CacheError: there is no cache, nothing of these photos is known, or another run uses it.
        OutputError: a small picture cannot be removed.
    """
    cache = _cache_to_clear(arguments)
    with Cache.open(cache) as opened:
        contents = set[str]().union(*map(opened.contents_at, arguments.photos))
        unknown = opened.forget(arguments.photos)
    for photo in arguments.photos:
        print(terminal_line(f"{'unknown   ' if photo in unknown else 'forgotten '} {photo}"))
    folder = Path(arguments.out) if arguments.out else cache.parent
    removed = _remove_small_pictures(folder, arguments.photos, contents)
    if not removed and len(unknown) == len(arguments.photos):
        raise CacheError("none of these photos is in the cache; nothing was forgotten")


def _remove_small_pictures(folder: Path, photos: Sequence[str], contents: set[str]) -> int:
    """Remove what a folder of results shows of photos, and say so; return how much it was."""
    if not (folder / THUMBNAILS_FOLDER).is_dir() or not (folder / GROUPS_FILE).is_file():
        return 0
    from grouping.report.earlier_pictures import remove_small_pictures

    removed = remove_small_pictures(folder, contents | _contents_listed(folder, photos))
    if removed:
        print(terminal_line(f"removed    {removed} small pictures in {folder}; group it again"))
    return removed


def _contents_listed(folder: Path, photos: Sequence[str]) -> set[str]:
    """What groups.json says of photos: they may have been forgotten before, or never stored."""
    try:
        images = read_document(folder / GROUPS_FILE)["images"]
    except InputError:
        return set()
    keys = {key for photo in photos for key in place_keys(photo)}
    listed = (image for image in images if image["url"] and image["sha256"])
    return {str(i["sha256"]) for i in listed if keys.intersection(place_keys(str(i["url"])))}


def run_erase(arguments: argparse.Namespace) -> None:
    """Remove everything from the cache.

    Raises:
        CacheError: there is no cache, or another run uses it.
    """
    cache = _cache_to_clear(arguments)
    erase_cache(cache)
    print(terminal_line(f"erased     {cache}"))


def _cache_to_clear(arguments: argparse.Namespace) -> Path:
    cache = arguments.cache or Path(arguments.out) / CACHE_FILE
    if not cache.exists():
        raise CacheError(f"there is no cache {printable(cache)}; name it with --out or --cache")
    return Path(cache)


FORGET = Command(
    "forget",
    "PHOTO... (--out DIR | --cache FILE)",
    "remove photos from the cache for good",
    "Remove photos from the cache, so that no byte of their vectors stays in the file, and their "
    "small pictures from the results that it lies beside. Other results that were written already "
    "are left alone: group the album again without these photos.",
    add_forget_options,
    run_forget,
)
ERASE = Command(
    "erase",
    "(--out DIR | --cache FILE)",
    "remove everything from the cache for good",
    "Remove everything from the cache. Results that were written already are left alone.",
    add_erase_options,
    run_erase,
)
