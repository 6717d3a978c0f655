"""``find``: in which photos of an album somebody is."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.cli.command import Command
from grouping.cli.display.progress import StageProgress
from grouping.cli.options import (
    add_common,
    add_memory,
    add_photo_seconds,
    add_sources,
    not_empty,
    source_options_from,
)
from grouping.config import AUTO, GroupingConfig
from grouping.errors import GroupingError, InputError, OutputError
from grouping.people.identify.look_up import FALSE_MATCHES
from grouping.sources.entries import SourceOptions, photos_from_entries
from grouping.sources.listing import list_sources
from grouping.storage.atomic_files import make_folder
from grouping.storage.regular_files import open_regular_file
from grouping.storage.result_folder import GROUPS_FILE, PAGE_FILE

if TYPE_CHECKING:
    from grouping.lookup.album_index import AlbumIndex
    from grouping.lookup.answers import FalseMatches, LookUp
    from grouping.lookup.selfies import Selfie
    from grouping.results.album import OpenPhoto
    from grouping.sources.photo import Photo

# In the head of each page; those of version 0.1.0 have the title alone.
HEAD_BYTES = 4096
PAGE_MARKS = (b'name="generator" content="group-faces"', b"<title>People in the album</title>")
AT_ONCE = 8  # photos looked at between two steps of the bar
LISTED_PHOTOS = 20


def add_find_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``find``."""
    add = parser.add_argument
    add(
        "selfies",
        nargs="+",
        type=not_empty,
        metavar="SELFIE",
        help="photos of one person: files, folders, lists, http(s):// or s3:// addresses",
    )
    add(
        "--in",
        dest="albums",
        nargs="+",
        required=True,
        type=not_empty,
        metavar="DIR",
        help="folders of results of 'group', asked one after the other",
    )
    add("--each", action="store_true", help="every SELFIE shows another person: a look-up for each")
    add("--copy-to", type=Path, metavar="DIR", help="copy the person's photos there")
    add("--page", type=Path, metavar="DIR", help="a gallery page of the person's photos, there")
    add("--json", action="store_true", help="one JSON object a look-up, and nothing else")
    add(
        "--max-false-matches",
        type=float,
        default=FALSE_MATCHES,
        metavar="SHARE",
        help="share of look-ups of people who are not in the album that may name somebody; sets "
        "how alike is alike enough (default %(default)g)",
    )
    add("--cache", type=Path, metavar="FILE", help="vectors of the album, where not in its folder")
    add("--checkpoint", type=Path, metavar="FILE", help="weights, where not as in the run")
    add("--device", default=AUTO, help="auto, cpu, cuda, cuda:N or mps (default auto)")
    add_memory(add)
    add_photo_seconds(parser)
    add_common(parser)
    add_sources(parser)


def run_find(arguments: argparse.Namespace) -> None:
    """Look somebody up, and hand his photos on.

    Raises:
        GroupingError: an album cannot be asked, or no photo shows a face to ask for, in one line.
    """
    from grouping.lookup.ask import check_allowed
    from grouping.lookup.selfies import selfies_of

    check_allowed(arguments.max_false_matches)
    _check_page(arguments.page)
    options = source_options_from(arguments)
    photos = list(list_sources(arguments.selfies, options=options))
    known: dict[tuple[str, str], list[Selfie]] = {}
    places = _Places(arguments)
    for folder in arguments.albums:
        index, models = _opened(folder, arguments)
        keys = models.detector_key, models.model_key
        if keys not in known:
            known[keys] = []
            with StageProgress() as progress:
                for part in _parts(photos):
                    known[keys] += selfies_of(part, models)
                    progress("selfies", len(known[keys]), len(photos))
        for selfies in [[s] for s in known[keys]] if arguments.each else [known[keys]]:
            _look_up(index, selfies, arguments, options, places)
    _check_asked([selfie for seen in known.values() for selfie in seen])


def _check_asked(selfies: Sequence[Selfie]) -> None:
    """See to it that a face could be asked for: "nobody" is an answer only then.

    Raises:
        InputError: no photo shows one.
    """
    if all(selfie.vector is None for selfie in selfies):
        raise InputError(
            f"no photo could be asked for; the first: {selfies[0].location}: {selfies[0].problem}"
        )


def _check_page(folder: Path | None) -> None:
    """Make sure that no page of an album is written over.

    Raises:
        OutputError: the folder is one of results, or has a page of somebody else.
    """
    if folder is None:
        return
    if (folder / GROUPS_FILE).exists():
        raise OutputError(f"{folder} has the page of an album; name another folder with --page")
    page = folder / PAGE_FILE
    if os.path.lexists(page) and not is_our_page(page):
        raise OutputError(f"{page} is no page of this program; name another folder with --page")


def is_our_page(page: Path) -> bool:
    """Whether a file is a page that this program made."""
    try:
        with open_regular_file(page) as file:
            head = file.read(HEAD_BYTES)
    except (OSError, GroupingError):
        return False
    return any(mark in head for mark in PAGE_MARKS)


def _opened(folder: str, arguments: argparse.Namespace) -> tuple[AlbumIndex, Any]:
    from grouping.lookup.album_index import AlbumIndex

    index = AlbumIndex.open(folder, arguments.cache)
    config = GroupingConfig(
        checkpoint=arguments.checkpoint, device=arguments.device, memory=arguments.memory
    )
    return index, index.models(config)


def _parts(photos: Sequence[Photo]) -> Iterator[Sequence[Photo]]:
    return (photos[start : start + AT_ONCE] for start in range(0, len(photos), AT_ONCE))


def _look_up(
    index: AlbumIndex,
    selfies: Sequence[Selfie],
    arguments: argparse.Namespace,
    options: SourceOptions,
    places: _Places,
) -> None:
    """One answer: printed, copied, shown."""
    from grouping.lookup.ask import ask

    found = ask(index, selfies, arguments.max_false_matches)
    if arguments.json:
        print(json.dumps(found.as_dict(), ensure_ascii=True), flush=True)
    else:
        for line in (*_asked(found, arguments), *_lines(found, index)):
            print(_shown(line), flush=True)
    if not found.found:
        return
    wanted = {photo.photo for photo in found.photos}
    entries = [
        {"id": image["id"], "url": (image["url"] if place in wanted else None) or "missing"}
        for place, image in enumerate(index.album.images)
    ]
    originals = photos_from_entries(entries, allow_local=True, options=options)
    notes = _handed_on(found, index, lambda photo: originals[photo].read(), places)
    for line in notes:
        print(_shown(line), file=sys.stderr if arguments.json else sys.stdout, flush=True)


def _shown(line: str) -> str:
    """A line that any terminal takes: names may hold halves of characters."""
    return line.encode("utf-8", "backslashreplace").decode()


class _Places:
    """Where the copies and the page of each look-up go: its own folder where there are several."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.copies: Path | None = arguments.copy_to
        self.pages: Path | None = arguments.page
        self._several = arguments.each or len(arguments.albums) > 1
        self._taken: set[str] = set()

    def name(self, found: LookUp) -> str:
        """The folder of a look-up below the one named; empty where there is one look-up."""
        from grouping.export.safe_names import distinct_name, safe_name

        if not self._several:
            return ""
        asked = Path(found.selfies[0]).stem or "selfie"
        return distinct_name(safe_name(f"{Path(found.album).name} {asked}"), self._taken)


def _handed_on(
    found: LookUp, index: AlbumIndex, open_photo: OpenPhoto, places: _Places
) -> list[str]:
    """Copy the photos and make the page, where wanted; say what came of it."""
    notes = []
    name = places.name(found) if places.copies or places.pages else ""
    if places.copies is not None:
        from grouping.export.photo_copies import copy_photos

        folder = make_folder(places.copies) / name
        with StageProgress() as progress:
            chosen = [photo.photo for photo in found.photos]
            done = copy_photos(index.album, chosen, folder, open_photo, progress)
        notes += [f"note       {problem}" for problem in done.problems]
        notes.append(f"copied     {len(done.files)} photos to {folder}")
    if places.pages is not None:
        from grouping.lookup.found_document import found_document
        from grouping.report.report import write_page

        _check_page(places.pages / name)
        folder = make_folder(make_folder(places.pages) / name)
        order = sorted(photo.photo for photo in found.photos)
        with StageProgress() as progress:
            page = write_page(
                found_document(found, index.album), folder, lambda i: open_photo(order[i]), progress
            )
        notes.append(f"page       {page}")
    return notes


def _asked(found: LookUp, arguments: argparse.Namespace) -> list[str]:
    """Who was looked for, where that is another one each time."""
    return [f"selfie     {found.selfies[0]}"] if arguments.each else []


def _lines(found: LookUp, index: AlbumIndex) -> Iterator[str]:
    yield f"album      {found.album}"
    yield from (f"note       {remark}" for remark in found.remarks)
    if not found.found:
        yield f"nobody     {found.reason}"
    else:
        how = f"similarity {found.similarity:.2f}, {found.needed:.2f} needed"
        who = "in no group" if found.person is None else index.album.person(found.person.group_idx)
        yield f"person     {who}  {how}"
        yield f"photos     {len(found.photos)}"
        yield from _photo_lines(found, index)
    if found.false_matches is not None:
        yield from _false_match_lines(found.false_matches)


def _photo_lines(found: LookUp, index: AlbumIndex) -> Iterator[str]:
    for photo in found.photos[:LISTED_PHOTOS]:
        how = "    " if photo.similarity is None else f"{photo.similarity:.2f}"
        alone = "" if photo.in_group else "  by this face alone"
        yield f"  {how}  {index.album.photo_name(photo.photo)}{alone}"
    if len(found.photos) > LISTED_PHOTOS:
        yield f"  ... {len(found.photos) - LISTED_PHOTOS} more; --json lists all"


def _false_match_lines(measured: FalseMatches) -> Iterator[str]:
    """How often this album takes strangers for one person."""
    look_ups, pairs = measured.look_ups, measured.pairs
    yield (
        f"strangers  {look_ups.count} of {look_ups.of} people of this album are named when asked "
        f"for with themselves taken out ({_between(look_ups)})"
    )
    if pairs.of:
        yield (
            f"           {pairs.count} of {pairs.of} pairs of faces of one photo are "
            f"{measured.similarity:.2f} alike or more ({_between(pairs)})"
        )


def _between(rate: Any) -> str:
    low, high = (f"{100 * p:.0f}" if p >= 0.1 else f"{100 * p:.2g}" for p in (rate.low, rate.high))
    return f"{low} to {high} %"


COMMAND = Command(
    "find",
    "SELFIE... --in DIR... [options]",
    "in which photos of an album somebody is",
    "Find the photos that a person is in, by one or more photos of him, in albums that were "
    "grouped before (with a cache). Neither these photos nor what is computed of them is written "
    "anywhere.",
    add_find_options,
    run_find,
)
