"""``verify``: are two photos of one person."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from grouping.cli.command import Command
from grouping.cli.options import config_from, not_empty, source_options_from
from grouping.cli.single_photos import add_looking
from grouping.errors import ConfigError

if TYPE_CHECKING:
    from grouping.api.photos.verification import Verification


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
    add(
        "--in",
        dest="album",
        type=Path,
        metavar="DIR",
        help="results of a run: how alike strangers are is taken from its people",
    )
    add(
        "--max-false-matches",
        type=float,
        metavar="SHARE",
        help="of comparisons of strangers that may be 'same' (default 0.00001)",
    )
    add_looking(parser)


def run_verify(arguments: argparse.Namespace) -> None:
    """Compare two photos, and say what their faces have in common.

    Raises:
        GroupingError: a photo cannot be used, shows no face or would be written over, in one line.
    """
    from grouping.storage.atomic_files import taken_back_empty

    with taken_back_empty((arguments.picture or Path()).parent):
        _verify(arguments)


def _verify(arguments: argparse.Namespace) -> None:
    from grouping.api.photos.verify import verify
    from grouping.storage.atomic_files import check_place, write_image

    if arguments.picture is not None:
        check_place(arguments.picture)
        _check_no_photo(arguments.picture, arguments.a, arguments.b)
    config, options = config_from(arguments), source_options_from(arguments)
    found = verify(
        arguments.a,
        arguments.b,
        album=arguments.album,
        false_matches=arguments.max_false_matches,
        config=config,
        allow_local=True,
        options=options,
    )
    if arguments.picture is not None:
        write_image(arguments.picture, found.picture())
    if arguments.json:
        print(json.dumps(found.as_dict()))
    else:
        _print_verdict(found)


def _check_no_photo(picture: Path, *photos: str) -> None:
    """See to it that no photo is written over.

    Raises:
        ConfigError: the picture is to go where one of them is.
    """
    for photo in photos:
        if picture.exists() and os.path.exists(photo) and os.path.samefile(picture, photo):
            raise ConfigError(f"--picture {picture} is one of the photos; name another file")


def _print_verdict(found: Verification) -> None:
    from grouping.api.photos.verification import LISTED_PAIRS

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
