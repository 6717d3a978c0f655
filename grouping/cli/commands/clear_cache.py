"""``forget`` and ``erase``: what the cache knows, removed for good."""

from __future__ import annotations

import argparse
from pathlib import Path

from grouping.cli.command import Command
from grouping.cli.logs import terminal_line
from grouping.cli.options import add_cache_place, add_common
from grouping.errors import CacheError
from grouping.storage.cache import Cache
from grouping.storage.cache_erasing import erase_cache
from grouping.storage.locations import printable
from grouping.storage.result_folder import CACHE_FILE


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
    """Remove photos from the cache, so that no byte of their vectors stays.

    Raises:
        CacheError: there is no cache, none of the photos is in it, or another run uses it.
    """
    with Cache.open(_cache_to_clear(arguments)) as opened:
        unknown = opened.forget(arguments.photos)
    for photo in arguments.photos:
        print(terminal_line(f"{'unknown   ' if photo in unknown else 'forgotten '} {photo}"))
    if len(unknown) == len(arguments.photos):
        raise CacheError("none of these photos is in the cache; nothing was forgotten")


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
    "Remove photos from the cache, so that no byte of their vectors stays in the file. Results "
    "that were written already are left alone.",
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
