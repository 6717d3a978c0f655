"""``group``: who is in which photo; done where no command is named."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.api.albums.album_folder import corrections_in, previous_in, read_previous
from grouping.api.albums.outputs import early_pictures, write_results
from grouping.cli.command import Command
from grouping.cli.display.last_lines import print_end
from grouping.cli.display.logs import note
from grouping.cli.display.progress import PhotoProgress, StageProgress, check_failures
from grouping.cli.display.summary import summary
from grouping.cli.display.time_left import TimeLeft
from grouping.cli.interruption import stoppable
from grouping.cli.opting_out import (
    add_opt_out_options,
    check_opt_out,
    clear_other_cache,
    read_opt_out,
    removing_where_full,
)
from grouping.cli.options import (
    VERSION,
    add_attributes,
    add_common,
    add_detection,
    add_model,
    add_results,
    add_sources,
    config_from,
    not_empty,
    output_options_from,
    percent,
    source_options_from,
)
from grouping.cli.places import check_places, reference_folders
from grouping.config import AUTO, CLUSTER_METHODS, GroupingConfig
from grouping.corrections.entries import Entry
from grouping.corrections.toml_file import load_all_corrections
from grouping.pipeline import GroupingPipeline
from grouping.records import AGES, GROUPING, MAP, SHEETS, THUMBNAILS
from grouping.sources.file_kinds import LeftOut
from grouping.sources.listing import list_sources
from grouping.sources.metadata.sidecars import places_of_sidecars
from grouping.storage.cache import Cache
from grouping.storage.destinations import Destination, open_destination
from grouping.storage.result_folder import (
    CACHE_FILE,
    CORRECTIONS_FILE,
    GROUPS_FILE,
)

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.references.known_people import KnownPeople
    from grouping.sources.entries import SourceOptions


def add_group_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``group``, which is done when no command is named."""
    add = parser.add_argument
    add("sources", nargs="*", type=not_empty, metavar="SOURCE", help="where the photos are")
    add(
        "--out",
        required=True,
        type=not_empty,
        metavar="DIR",
        help="folder or s3://bucket/prefix for results",
    )
    add("--version", action="version", version=VERSION)
    add_common(parser)
    add_model(parser)
    add_detection(parser)
    _add_people(parser)
    add_attributes(parser)
    add_opt_out_options(parser)
    add_results(parser)
    add_sources(parser)
    _add_cache(parser)


def run_group(arguments: argparse.Namespace) -> None:
    """Find out who is in which photo, and write what was found.

    Raises:
        GroupingError: what the run cannot go on after, in one line.
        Interrupted: the user asked for a stop; photos in flight are in the cache.
    """
    with removing_where_full(arguments):
        _group(arguments)


def _group(arguments: argparse.Namespace) -> None:
    config, options = config_from(arguments), source_options_from(arguments)
    check_places(arguments)
    with ExitStack() as stack:
        destination = stack.enter_context(open_destination(arguments.out, options.s3))
        destination.recall(GROUPS_FILE, CORRECTIONS_FILE)
        check_opt_out(arguments, destination)
        previous = _previous(arguments, destination)
        entries = _corrections(arguments, destination)
        listed = partial(
            list_sources,
            arguments.sources,
            out=arguments.out,
            options=options,
            references=reference_folders(arguments),
        )
        left_out = LeftOut()
        photos = listed(left_out=left_out)
        cache = stack.enter_context(_open_cache(arguments, destination))
        outputs = output_options_from(arguments)
        with stoppable() as stop:
            pipeline = GroupingPipeline(config, cache=cache, stop=stop)
            pipeline.models.check()
            known = _known_people(arguments, pipeline.models, options)
            opt_out = read_opt_out(arguments, pipeline, options, known)
            note("start", out=destination.location)
            left = TimeLeft(_stages(arguments), max(1, config.workers))
            stages = StageProgress(left)
            with PhotoProgress(listed, left=left) as progress, stages:
                result = pipeline.run(
                    photos,
                    on_photo=progress,
                    corrections=entries,
                    known=known,
                    opt_out=opt_out,
                    on_stage=stages,
                    on_pictures=None if opt_out else early_pictures(outputs, destination.folder),
                )
            clear_other_cache(pipeline, result, opt_out, destination.folder)
        if config.read_xmp:  # what was read is not left out
            left_out = left_out.without(places_of_sidecars(result.photos))
        result = replace(result, left_out=left_out)
        with stages:
            document, problems = write_results(
                result, destination.folder, outputs, previous, stages
            )
        destination.publish()
    print(summary(result, document))
    print_end(problems, destination.location)
    check_failures(progress, arguments.max_failures, "the results are saved, failures.csv says why")


def _stages(arguments: argparse.Namespace) -> tuple[str, ...]:
    """What comes after the photos and takes long."""
    pictures = () if arguments.no_plots else (MAP, THUMBNAILS, SHEETS)
    return (GROUPING, *pictures, *((AGES,) if arguments.attributes else ()))


def _previous(arguments: argparse.Namespace, destination: Destination) -> Mapping[str, Any] | None:
    """The result whose people keep their ids; found out to be one before the work."""
    if arguments.previous is not None:
        return read_previous(arguments.previous)
    return previous_in(destination.folder)


def _known_people(
    arguments: argparse.Namespace, models: FaceModels, options: SourceOptions
) -> KnownPeople | None:
    """The people known beforehand; found out before the album whether they can be used."""
    if arguments.people is None:
        return None
    from grouping.references.known_people import load_known_people

    with PhotoProgress(None, "references") as progress:
        return load_known_people(
            arguments.people, models, options, workers=arguments.workers, on_photo=progress
        )


def _corrections(arguments: argparse.Namespace, destination: Destination) -> Sequence[Entry]:
    """Entries of all files: those named, else those that lie in the output folder."""
    paths = arguments.corrections or corrections_in(destination.folder)
    for path in paths:
        note("corrections", file=str(path))
    return load_all_corrections(paths)


def _open_cache(
    arguments: argparse.Namespace, destination: Destination
) -> AbstractContextManager[Cache | None]:
    """The cache named, else one in the output folder, if that is on this machine."""
    if arguments.no_cache:
        return nullcontext()
    if arguments.cache is not None:
        return Cache.open(arguments.cache)
    local = Path(destination.location) == destination.folder
    return Cache.open(destination.folder / CACHE_FILE) if local else nullcontext()


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
        "album; default: the network's own where it was measured, else auto",
    )
    add(
        "--min-photos",
        type=int,
        default=GroupingConfig.min_photos,
        metavar="N",
        help="pictures, copies not counted, that a person must be in (default %(default)s)",
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
        "--people",
        type=Path,
        metavar="PATH",
        help="people known beforehand: a folder (a sub-folder or a photo a person), a .csv file "
        "(name,photo[,id]), or results of an earlier run whose people have names",
    )
    add(
        "--read-xmp",
        action="store_true",
        help="take names and face regions that other programs wrote (XMP in the photos, or "
        "photo.jpg.xmp and photo.xmp beside them; MWG and Microsoft); corrections win. Every photo "
        "is read for it, from elsewhere too",
    )
    add(
        "--previous",
        type=Path,
        metavar="FILE",
        help="groups.json of an earlier run, whose people keep their ids and names "
        "(default: the one in the output folder, if there)",
    )


def _add_cache(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("cache and failures").add_argument
    add(
        "--cache",
        type=Path,
        metavar="FILE",
        help=f"results of photos for the next run (default: {CACHE_FILE} in the output folder)",
    )
    add("--no-cache", action="store_true", help="keep nothing")
    add("--forget", nargs="+", dest="photos", metavar="PHOTO", help="the same as forget PHOTO...")
    add("--erase", action="store_true", help="the same as erase")
    add(
        "--max-failures",
        type=percent,
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


COMMAND = Command(
    "group",
    "SOURCE... --out DIR [options]",
    "who is in which photo; done where no command is named",
    "Detect the faces of photos, compare them and group them by person. SOURCE is a folder "
    "(with all below it), a file, a list of photos (.txt, .csv, .json, .jsonl), an http(s):// "
    "address or s3://bucket/prefix. The same command again goes on where the last one ended: "
    "photos that are in the cache cost no time, and people keep their group_id.",
    add_group_options,
    run_group,
)
