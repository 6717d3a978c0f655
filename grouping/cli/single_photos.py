"""Photos looked at one by one: the options of the commands that do, and an entry for each photo."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from grouping.cli.options import add_common, add_detection, add_model, add_sources, not_empty
from grouping.errors import InputError, PhotoError
from grouping.records import Failure, PhotoFaces
from grouping.sources.photo import Photo

if TYPE_CHECKING:
    from grouping.api.photos.photo_input import SeenPhoto
    from grouping.cli.display.progress import PhotoProgress
    from grouping.config import GroupingConfig
    from grouping.sources.entries import SourceOptions

# What is said of each face of a photo; may raise PhotoError.
Describe = Callable[[Photo, "SeenPhoto"], list[dict[str, Any]]]


def add_photos(parser: argparse.ArgumentParser) -> None:
    """Add which photos are meant."""
    parser.add_argument(
        "photos", nargs="+", type=not_empty, metavar="PHOTO", help="photo, folder, list, address"
    )


def add_looking(parser: argparse.ArgumentParser) -> None:
    """Add how photos are fetched and looked at, for commands without worker processes."""
    add_common(parser)
    add_model(parser)
    add_detection(parser, workers=False)
    add_sources(parser)


def photo_entries(
    photos: Iterator[Photo],
    describe: Describe,
    config: GroupingConfig,
    options: SourceOptions,
    progress: PhotoProgress,
) -> Iterator[dict[str, Any]]:
    """Yield JSON values for each photo; what is done with one is done before the next is read."""
    from grouping.api.photos.photo_input import see_photo

    for photo in photos:
        try:
            seen = see_photo(photo, config=config, options=options)
            faces = describe(photo, seen)
        except PhotoError as error:
            progress(photo, PhotoFaces(failure=Failure.of(error)))
            yield {"photo": photo.location, "faces": [], "error": str(error)}
            continue
        progress(photo, seen.outcome)
        yield {
            "photo": photo.location,
            "sha256": seen.outcome.sha256,
            "width": seen.outcome.width,
            "height": seen.outcome.height,
            "faces": faces,
            "warnings": list(seen.outcome.warnings),
        }


def check_some(entries: Sequence[Mapping[str, Any]], progress: PhotoProgress) -> None:
    """See to it that not every photo failed.

    Raises:
        InputError: every one did.
    """
    if progress.failed == progress.done:
        raise InputError(f"no photo could be used; the first: {entries[0]['error']}")
