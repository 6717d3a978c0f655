"""The command line's options, and the settings they make."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from grouping.config import AUTO, CLUSTER_METHODS, PRECISIONS, GroupingConfig
from grouping.export.people_folders import FOLDER_MODES
from grouping.sources.entries import SourceOptions
from grouping.sources.http_photo import HttpOptions
from grouping.storage.result_folder import CACHE_FILE
from grouping.storage.s3_client import S3Options
from grouping.version import __version__

EPILOG = """\
examples:
  python run_grouping.py ~/Pictures/wedding --out result
  python run_grouping.py party/ extra.jpg list.csv https://example.org/p.jpg --out result
  python run_grouping.py s3://bucket/event --out s3://bucket/people --cache event.sqlite
  python run_grouping.py album --out result --corrections corrections.toml
  python run_grouping.py report result      pictures and page again, without detection

The same command again continues where the last one ended: photos that are in the cache
(--cache, by default in the output folder) cost no time, and people keep their group_id.

exit codes: 0 done (photos that failed are listed), 1 known error, 2 usage, 3 more photos
failed than --max-failures (results are saved), 4 a bug of ours, 130 interrupted
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the main command."""
    parser = argparse.ArgumentParser(
        prog="run_grouping.py",
        description="Find out who is in which photo: faces are detected, compared and grouped by "
        "person. SOURCE is a folder (with all below it), a file, a list of photos (.txt, .csv, "
        ".json, .jsonl), an http(s):// address or s3://bucket/prefix.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("sources", nargs="*", metavar="SOURCE", help="where the photos are")
    add("--out", required=True, metavar="DIR", help="folder or s3://bucket/prefix for results")
    add("--version", action="version", version=f"%(prog)s {__version__}")
    add("-v", "--verbose", action="store_true", help="tell more; show where an error came from")
    add("--log-json", action="store_true", help="log one JSON object a line instead of bars")
    _add_model(parser)
    _add_detection(parser)
    _add_people(parser)
    _add_results(parser)
    _add_sources(parser)
    _add_cache(parser)
    return parser


def build_report_parser() -> argparse.ArgumentParser:
    """Return the parser of ``run_grouping.py report``."""
    parser = argparse.ArgumentParser(
        prog="run_grouping.py report",
        description="Make the pictures, the page and the exports of a result again, from its "
        "groups.json and the photos alone; nothing is detected.",
    )
    parser.add_argument("out", metavar="DIR", help="folder that holds groups.json")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show where an error came from"
    )
    parser.add_argument("--log-json", action="store_true", help="log one JSON object a line")
    _add_results(parser)
    _add_sources(parser)
    return parser


def config_from(arguments: argparse.Namespace) -> GroupingConfig:
    """Return the settings that the options name.

    Raises:
        ConfigError: one is out of its range.
    """
    values: dict[str, Any] = vars(arguments)
    names = GroupingConfig.__dataclass_fields__
    return GroupingConfig(**{name: values[name] for name in names if name in values})


def source_options_from(arguments: argparse.Namespace) -> SourceOptions:
    """Return how photos are fetched.

    Raises:
        ConfigError: an option cannot be understood.
    """
    return SourceOptions(
        http=HttpOptions(allowed=tuple(arguments.allow_host)), s3=s3_options_from(arguments)
    )


def s3_options_from(arguments: argparse.Namespace) -> S3Options:
    """Return how S3 is reached."""
    return S3Options(
        endpoint_url=arguments.s3_endpoint_url,
        region=arguments.s3_region,
        profile=arguments.s3_profile,
        anonymous=arguments.s3_anonymous,
        requester_pays=arguments.s3_requester_pays,
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("face network").add_argument
    add("--checkpoint", type=Path, metavar="FILE", help="weights (see checkpoint/README.md)")
    add("--device", default=AUTO, help="auto, cpu, cuda, cuda:N or mps (default auto)")
    add("--precision", default=AUTO, choices=PRECISIONS, help="of the arithmetic (default auto)")
    add(
        "--allow-cpu-fallback",
        action="store_true",
        help="go on on the CPU, with a warning, where the device fails",
    )
    add("--no-flip", dest="flip", action="store_false", help="do not average in mirror images")
    add("--channel-order", choices=("RGB", "BGR"), help="of an unknown checkpoint's input")
    add("--mean", type=float, help="subtracted from 0..255 for an unknown checkpoint")
    add("--scale", type=float, help="divided by, after that")


def _add_detection(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("detection").add_argument
    add(
        "--min-face",
        type=float,
        metavar="PX",
        help="side of the smallest face, in pixels of the photo; default: 24 in a photo of 1280 "
        "and in proportion, at least 20",
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
    add = parser.add_argument_group("people").add_argument
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
        help="cosine similarity at which faces are one person, or 'auto' to calibrate it on this "
        "album; default: the network's own",
    )
    add(
        "--min-photos",
        type=int,
        default=GroupingConfig.min_photos,
        metavar="N",
        help="different photos a person must be seen in (default %(default)s)",
    )
    add(
        "--several-faces-per-photo",
        dest="one_face_per_photo",
        action="store_false",
        help="let one person be in a photo more than once (collages)",
    )
    add(
        "--no-same-face",
        dest="allow_same_face",
        action="store_false",
        help="never see one face twice in a photo (mirrors, prints, montages)",
    )
    add(
        "--corrections",
        type=Path,
        action="append",
        metavar="FILE",
        help="names, links and faces to ignore, as the gallery page exports them; repeatable "
        "(default: all corrections*.toml in the output folder)",
    )
    add(
        "--previous",
        type=Path,
        metavar="FILE",
        help="groups.json of an earlier run, whose people keep their ids and names "
        "(default: the one in the output folder, if there)",
    )


def _add_results(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("results").add_argument
    add(
        "--no-plots",
        action="store_true",
        help="leave out all pictures and the page; 'report' makes contact sheets and page later",
    )
    add("--folders", default="none", choices=FOLDER_MODES, help="a folder a person (default none)")
    add("--zip", action="store_true", help="the same as people.zip")
    add("--xmp", action="store_true", help="XMP sidecars with face regions, in sidecars/")


def _add_sources(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("photos from elsewhere").add_argument
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="host or network that may be private, e.g. nas.local or 10.0.0.0/8; repeatable",
    )
    add("--s3-endpoint-url", metavar="URL", help="of another S3 service, e.g. http://nas:9000")
    add("--s3-region", metavar="NAME", help="region of the bucket")
    add("--s3-profile", metavar="NAME", help="profile of the AWS configuration")
    add("--s3-anonymous", action="store_true", help="sign nothing, for public buckets")
    add("--s3-requester-pays", action="store_true", help="agree to pay for the requests")


def _add_cache(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("cache and failures").add_argument
    add(
        "--cache",
        type=Path,
        metavar="FILE",
        help=f"results of photos for the next run (default: {CACHE_FILE} in the output folder)",
    )
    add("--no-cache", action="store_true", help="keep nothing")
    add(
        "--forget",
        nargs="+",
        metavar="PHOTO",
        help="remove photos from the cache for good",
    )
    add("--erase", action="store_true", help="remove all from the cache for good")
    add(
        "--max-failures",
        type=float,
        default=20.0,
        metavar="PERCENT",
        help="more failed photos make the exit code 3 (default %(default)g)",
    )


def _threshold(text: str) -> float | str:
    if text == AUTO:
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor 'auto'") from None
