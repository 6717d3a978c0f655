"""The command line's options, and the configuration they make."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from grouping.config import AUTO, CLUSTER_METHODS, PRECISIONS, GroupingConfig
from grouping.version import __version__

EPILOG = """\
examples:
  python run_grouping.py ~/Pictures/wedding --out result
  python run_grouping.py party/ extra.jpg https://example.org/p.jpg --out result
  python run_grouping.py album --out result --cluster hdbscan --threshold 0.45
  python run_grouping.py report result          pictures again, without detection

exit codes: 0 done (photos that failed are listed), 1 known error, 2 usage,
3 something unexpected (please report it), 130 interrupted
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the main command."""
    parser = argparse.ArgumentParser(
        prog="run_grouping.py",
        description="Find out who is in which photo: faces are detected, compared and grouped "
        "by person. Results go to --out: groups.json, tsne.png, groups/person_000.jpg, ...",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("sources", nargs="+", metavar="SOURCE", help="folder (with all below it), file or address")
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    add("--version", action="version", version=f"%(prog)s {__version__}")
    add("-v", "--verbose", action="store_true", help="tell more; show where an error came from")
    _add_model(parser)
    _add_detection(parser)
    _add_people(parser)
    add("--no-plots", action="store_true", help="leave out tsne.png and similarity.png")
    return parser


def config_from(arguments: argparse.Namespace) -> GroupingConfig:
    """Return the settings that the options name.

    Raises:
        ConfigError: one is out of its range.
    """
    values: dict[str, Any] = vars(arguments)
    names = GroupingConfig.__dataclass_fields__
    return GroupingConfig(**{name: values[name] for name in names if name in values})


def _add_model(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("face network")
    add = group.add_argument
    add("--checkpoint", type=Path, metavar="FILE", help="weights (see checkpoint/README.md)")
    add("--device", default=AUTO, help="auto, cpu, cuda, cuda:N or mps (default auto)")
    add("--precision", default=AUTO, choices=PRECISIONS, help="of the arithmetic (default auto)")
    add("--no-flip", dest="flip", action="store_false", help="do not average in mirror images")


def _add_detection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("detection")
    add = group.add_argument
    add(
        "--min-face",
        type=float,
        metavar="PX",
        help="side of the smallest face, in pixels of the photo; "
        "default: 24 in a photo of 1280, in proportion, at least 20",
    )
    add(
        "--min-score",
        type=float,
        default=GroupingConfig.min_score,
        metavar="S",
        help="detector score a face needs (default %(default)s)",
    )
    add(
        "--no-crowds",
        dest="crowds",
        action="store_false",
        help="do not search crowd photos a second time for small faces",
    )
    add(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes that look at photos; 0: none (default: the cores, %(default)s)",
    )


def _add_people(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("people")
    add = group.add_argument
    add(
        "--cluster",
        default=CLUSTER_METHODS[0],
        choices=CLUSTER_METHODS,
        help="how faces are grouped (default %(default)s)",
    )
    add(
        "--threshold",
        type=_threshold,
        metavar="T",
        help="cosine similarity at which faces are one person, or 'auto' to calibrate it on "
        "this album; default: the network's own",
    )
    add(
        "--min-photos",
        type=int,
        default=GroupingConfig.min_photos,
        metavar="N",
        help="different photos a person must be seen in (default %(default)s)",
    )


def _threshold(text: str) -> float | str:
    if text == AUTO:
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor 'auto'") from None
