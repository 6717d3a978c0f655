"""``report``: pictures, page and exports of a result again."""

from __future__ import annotations

import argparse
from pathlib import Path

from grouping.api.albums.outputs import write_extras
from grouping.cli.command import Command
from grouping.cli.display.last_lines import print_end
from grouping.cli.display.progress import StageProgress
from grouping.cli.options import (
    add_common,
    add_photo_seconds,
    add_results,
    add_sources,
    output_options_from,
    source_options_from,
)
from grouping.results.document import read_document
from grouping.sources.entries import photos_from_entries
from grouping.storage.result_folder import GROUPS_FILE


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``report``."""
    parser.add_argument("out", metavar="DIR", help="folder that holds groups.json")
    add_photo_seconds(parser)
    add_common(parser)
    add_results(parser)
    add_sources(parser)


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
    with StageProgress() as stages:
        problems = write_extras(
            document, folder, outputs, lambda i: photos[i].read(), progress=stages
        )
    print_end(problems, str(folder))


COMMAND = Command(
    "report",
    "DIR [options]",
    "pictures, page and exports of a result again, without detection",
    "Make the pictures, the page and the exports of a result again, from its groups.json and "
    "the photos alone; nothing is detected.",
    add_report_options,
    run_report,
)
