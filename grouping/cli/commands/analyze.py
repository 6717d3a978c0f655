"""``analyze``: what the faces of photos are like, and on request what they seem to be."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from grouping.cli.command import Command
from grouping.cli.display.progress import PhotoProgress
from grouping.cli.options import add_attributes, config_from, source_options_from
from grouping.cli.single_photos import add_looking, add_photos, check_some, photo_entries
from grouping.sources.listing import list_sources

if TYPE_CHECKING:
    from grouping.api.photos.photo_input import SeenPhoto
    from grouping.sources.photo import Photo


def add_analyze_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``analyze``."""
    add = parser.add_argument
    add_photos(parser)
    add(
        "--json", action="store_true", help="print all that is known, a list with one entry a photo"
    )
    add_attributes(parser)
    add_looking(parser)


def run_analyze(arguments: argparse.Namespace) -> None:
    """Print what the faces of photos are like.

    Raises:
        GroupingError: what cannot be gone on after, in one line; also where every photo failed.
    """
    from grouping.api.photos.analyze import analyzed, check_attributes

    def described(_photo: Photo, seen: SeenPhoto) -> list[dict[str, Any]]:
        return [face.as_dict() for face in analyzed(seen, attributes=config.attributes)]

    config, options = config_from(arguments), source_options_from(arguments)
    listed = partial(list_sources, arguments.photos, options=options)
    photos = listed()
    check_attributes(config)
    with PhotoProgress(listed) as progress:
        entries = list(photo_entries(photos, described, config, options, progress))
    if arguments.json:
        print(json.dumps(entries))
    else:
        print("\n".join(line for entry in entries for line in _lines(entry)))
    check_some(entries, progress)


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
