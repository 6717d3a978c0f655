"""``verify``: are two photos of one person."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from grouping.cli.command import Command
from grouping.cli.options import (
    add_common,
    add_detection,
    add_model,
    add_sources,
    config_from,
    not_empty,
    source_options_from,
)

if TYPE_CHECKING:
    from grouping.api.verification import Verification


def add_verify_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``verify``."""
    add = parser.add_argument
    add("a", type=not_empty, metavar="A", help="a photo: path or address")
    add("b", type=not_empty, metavar="B", help="another one")
    add("--picture", type=Path, metavar="FILE", help="draw the faces side by side, as a PNG file")
    add("--json", action="store_true", help="print all there is to say as JSON")
    add(
        "--threshold",
        type=float,
        metavar="T",
        help="cosine similarity at which the network groups faces, where nobody has measured it",
    )
    add_common(parser)
    add_model(parser)
    add_detection(parser, workers=False)
    add_sources(parser)


def run_verify(arguments: argparse.Namespace) -> None:
    """Compare two photos, and say what their faces have in common.

    Raises:
        GroupingError: a photo cannot be used or shows no face, in one line.
    """
    from grouping.api.verify import verify
    from grouping.storage.atomic_files import check_place, write_image

    if arguments.picture is not None:
        check_place(arguments.picture)
    config, options = config_from(arguments), source_options_from(arguments)
    found = verify(arguments.a, arguments.b, config=config, allow_local=True, options=options)
    if arguments.picture is not None:
        write_image(arguments.picture, found.picture())
    if arguments.json:
        print(json.dumps(found.as_dict()))
    else:
        _print_verdict(found)


def _print_verdict(found: Verification) -> None:
    from grouping.api.verification import LISTED_PAIRS

    print(f"verdict    {found.verdict.value}")
    for line in found.in_words():
        print(f"           {line}")
    if len(found.pairs) == 1:
        return
    for pair in found.pairs[:LISTED_PAIRS]:
        print(
            f"pair       face {pair.a} of {found.a.location}, face {pair.b} of "
            f"{found.b.location}: {pair.similarity:.3f} {pair.verdict.value}"
        )
    if len(found.pairs) > LISTED_PAIRS:
        print(f"pair       {len(found.pairs) - LISTED_PAIRS} more, see --json")


COMMAND = Command(
    "verify",
    "A B [--picture FILE] [options]",
    "are two photos of one person: same, different or unsure",
    "Compare the faces of two photos, every face of the one with every face of the other. The "
    "verdict is 'same' where hardly any strangers are as alike, 'different' where hardly anybody "
    "is as unlike himself, and 'unsure' between, or where a face is too poor to tell. It is no "
    "proof of identity.",
    add_verify_options,
    run_verify,
)
