"""Options that several commands share, and the settings they make."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grouping.api.albums.outputs import OutputOptions
from grouping.config import AUTO, BACKENDS, PRECISIONS, GroupingConfig
from grouping.cores import usable_cores
from grouping.errors import ConfigError
from grouping.export.export import ExportOptions
from grouping.export.people_folders import FOLDER_MODES
from grouping.memory.sizes import parse_size
from grouping.sources.entries import SourceOptions
from grouping.sources.web.http_photo import HttpOptions
from grouping.storage.result_folder import CACHE_FILE
from grouping.storage.s3.client import S3Options
from grouping.version import __version__

VERSION = f"group-faces {__version__}"


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
        http=HttpOptions(allowed=tuple(arguments.allow_host)), s3=_s3_options_from(arguments)
    )


def output_options_from(arguments: argparse.Namespace) -> OutputOptions:
    """Return what is written beside ``groups.json`` and the tables."""
    return OutputOptions(
        plots=not arguments.no_plots,
        export=ExportOptions(arguments.folders, arguments.zip, arguments.xmp),
        redact=getattr(arguments, "redact", None),  # not of a report, which knows no boxes of them
    )


def _s3_options_from(arguments: argparse.Namespace) -> S3Options:
    return S3Options(
        endpoint_url=arguments.s3_endpoint_url,
        region=arguments.s3_region,
        profile=arguments.s3_profile,
        anonymous=arguments.s3_anonymous,
        requester_pays=arguments.s3_requester_pays,
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command."""
    add = parser.add_argument
    add("-v", "--verbose", action="store_true", help="tell more; show where an error came from")
    add("--log-json", action="store_true", help="log one JSON object a line instead of bars")
    add("--profile", action="store_true", help="say at the end where the time went, by stage")
    add(
        "--share",
        action="store_true",
        help="let others of this machine read the results, as the umask says (default: only you)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add which network embeds faces, and where it runs."""
    add = parser.add_argument_group("face network").add_argument
    add("--checkpoint", type=Path, metavar="FILE", help="weights (see checkpoint/README.md)")
    add("--device", default=AUTO, help="auto, cpu, cuda, cuda:N or mps (default auto)")
    add("--precision", default=AUTO, choices=PRECISIONS, help="of the arithmetic (default auto)")
    add(
        "--allow-cpu-fallback",
        action="store_true",
        help="go on on the CPU, with a warning, where the device fails",
    )
    add(
        "--flip",
        action=argparse.BooleanOptionalAction,
        default=AUTO,
        help="average mirror images in, of all faces or none (default: where it pays)",
    )
    add("--channel-order", choices=("RGB", "BGR"), help="of an unknown checkpoint's input")
    add("--mean", type=float, help="subtracted from 0..255 for an unknown checkpoint")
    add("--scale", type=float, help="divided by, after that")


def add_detection(parser: argparse.ArgumentParser, *, workers: bool = True) -> None:
    """Add which faces are looked for and, for commands that take many photos, by how many
    processes.
    """
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
    add_memory(add)
    add_photo_seconds(parser)
    if not workers:
        return
    add(
        "--workers",
        type=int,
        default=usable_cores(),
        metavar="N",
        help="processes that look at photos; 0: none (default: the cores, %(default)s)",
    )
    add(
        "--backend",
        default=BACKENDS[0],
        choices=BACKENDS,
        help="local: on this machine; ray: on a cluster of many; needs the "
        "extra: pip install '.[ray]' (default %(default)s)",
    )
    add(
        "--ray-address",
        type=not_empty,
        metavar="ADDRESS",
        help="of a running cluster: auto, HOST:PORT or, from outside of it, ray://HOST:PORT; its "
        "cores are used instead of --workers (default: one is started on this machine)",
    )


def add_photo_seconds(parser: argparse.ArgumentParser) -> None:
    """Add how long one photo may take."""
    parser.add_argument(
        "--photo-seconds",
        type=float,
        default=GroupingConfig.photo_seconds,
        metavar="S",
        help="give a photo up, and say so, that is worked on for longer (default %(default)g)",
    )


def add_memory(add: Callable[..., Any]) -> None:
    """Add how much memory the program may take, by the ``add_argument`` of a parser or group."""
    add(
        "--memory",
        type=_size,
        metavar="SIZE",
        help="e.g. 8G or 500M: what reading ahead, decoding and processes take together (default: "
        "a quarter of what the machine, or the container, has)",
    )


def _size(text: str) -> int:
    """Bytes of a size; a ConfigError would not say of which option."""
    try:
        return parse_size(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_attributes(parser: argparse.ArgumentParser) -> None:
    """Add whether age and gender are estimated."""
    parser.add_argument(
        "--attributes",
        action="store_true",
        help="estimate age and gender too, never used to tell people apart; needs the extra: "
        "pip install '.[attributes]'",
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    """Add what is written beside ``groups.json``."""
    add = parser.add_argument_group("results").add_argument
    add(
        "--no-plots",
        action="store_true",
        help="leave out all pictures and the page; 'report' makes contact sheets and page later",
    )
    add("--folders", default="none", choices=FOLDER_MODES, help="a folder a person (default none)")
    add("--zip", action="store_true", help="the same as people.zip")
    add("--xmp", action="store_true", help="XMP sidecars with face regions, in sidecars/")


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add how photos from elsewhere are fetched."""
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


def add_cache_place(parser: argparse.ArgumentParser) -> None:
    """Add where the cache is, for commands that work on nothing else."""
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument(
        "--out", type=not_empty, metavar="DIR", help=f"folder of results that holds {CACHE_FILE}"
    )
    place.add_argument(
        "--cache", type=Path, metavar="FILE", help="the cache, where it is elsewhere"
    )


def percent(text: str) -> float:
    """Return a word of the command line that is a share of a hundred."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 100")
    return value


def not_empty(text: str) -> str:
    """Return a word of the command line that may not be empty."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; is a variable not set?")
    return text
