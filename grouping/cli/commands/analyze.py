"""``analyze``: what the faces of photos are like, and on request what they seem to be."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from grouping.cli.command import Command
from grouping.cli.options import (
    add_attributes,
    add_common,
    add_detection,
    add_model,
    add_sources,
    config_from,
    not_empty,
    source_options_from,
)
from grouping.cli.progress import PhotoProgress
from grouping.config import GroupingConfig
from grouping.errors import InputError, PhotoError
from grouping.records import Failure, PhotoFaces
from grouping.sources.entries import SourceOptions
from grouping.sources.listing import list_sources
from grouping.sources.photo import Photo


def add_analyze_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``analyze``."""
    add = parser.add_argument
    add("photos", nargs="+", type=not_empty, metavar="PHOTO", help="photo, folder, list, address")
    add(
        "--json", action="store_true", help="print all that is known, a list with one entry a photo"
    )
    add_attributes(parser)
    add_common(parser)
    add_model(parser)
    add_detection(parser, workers=False)
    add_sources(parser)


def run_analyze(arguments: argparse.Namespace) -> None:
    """Print what the faces of photos are like.

    Raises:
        GroupingError: what cannot be gone on after, in one line; also where every photo failed.
    """
    from grouping.api.analyze import check_attributes

    config, options = config_from(arguments), source_options_from(arguments)
    listed = partial(list_sources, arguments.photos, options=options)
    photos = listed()
    check_attributes(config)
    with PhotoProgress(listed) as progress:
        entries = list(_analyzed(photos, config, options, progress))
    if arguments.json:
        print(json.dumps(entries))
    else:
        print("\n".join(line for entry in entries for line in _lines(entry)))
    if progress.failed == progress.done:
        raise InputError(f"no photo could be used; the first: {entries[0]['error']}")


def _analyzed(
    photos: Iterator[Photo], config: GroupingConfig, options: SourceOptions, progress: PhotoProgress
) -> Iterator[dict[str, Any]]:
    """One entry a photo."""
    from grouping.api.analyze import analyzed
    from grouping.api.photo_input import see_photo

    for photo in photos:
        try:
            seen = see_photo(photo, config=config, options=options)
        except PhotoError as error:
            progress(photo, PhotoFaces(failure=Failure.of(error)))
            yield {"photo": photo.location, "faces": [], "error": str(error)}
            continue
        progress(photo, seen.outcome)
        faces = analyzed(seen, attributes=config.attributes)
        yield {
            "photo": photo.location,
            "sha256": seen.outcome.sha256,
            "width": seen.outcome.width,
            "height": seen.outcome.height,
            "faces": [face.as_dict() for face in faces],
            "warnings": list(seen.outcome.warnings),
        }


def _lines(entry: dict[str, Any]) -> Iterator[str]:
    if "error" in entry:
        yield f"failed     {entry['error']}"
        return
    count = len(entry["faces"])
    faces = "no face" if not count else "1 face" if count == 1 else f"{count} faces"
    yield f"photo      {entry['photo']}  {entry['width']}x{entry['height']}  {faces}"
    for number, face in enumerate(entry["faces"]):
        left, top = map(round, face["box"][:2])
        yield f"  face {number} at {left},{top}  {_measures(face)}{_seems(face)}{_poor(face)}"


def _measures(face: dict[str, Any]) -> str:
    turned = "  ".join(f"{angle} {_number(value)}" for angle, value in face["pose"].items())
    return (
        f"quality {face['quality']:.2f}  size {_number(face['size'])} px  {turned}  "
        f"sharpness {_number(face['sharpness'])}  visible {face['visible']:.0%}"
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.0f}"


def _seems(face: dict[str, Any]) -> str:
    seems = face.get("attributes")
    return f"  seems {seems['gender']}, {seems['age']:.0f}" if seems else ""


def _poor(face: dict[str, Any]) -> str:
    return f"  too poor: {', '.join(face['flaws'])}" if face["flaws"] else ""


COMMAND = Command(
    "analyze",
    "PHOTO... [--json] [--attributes] [options]",
    "what the faces of photos are like: head pose, size, sharpness, quality",
    "Find the faces of photos and print how each is seen: head pose in degrees (yaw to "
    "image-right, pitch up, roll clockwise), size, sharpness, how much of it lies in the photo, "
    "and the quality that follows; with --attributes also age and gender, as they seem to a "
    "network that is often wrong. The numbers are those of a grouping run over the same photo.",
    add_analyze_options,
    run_analyze,
)
