"""``extract``: the faces of photos as pictures, with all that is measured."""

from __future__ import annotations

import argparse
import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.cli.command import Command
from grouping.cli.display.progress import PhotoProgress
from grouping.cli.options import config_from, not_empty, source_options_from
from grouping.cli.single_photos import add_looking, add_photos, check_some, photo_entries
from grouping.errors import InputError
from grouping.sources.listing import list_sources
from grouping.storage.atomic_files import make_folder, taken_back_empty, write_file
from grouping.storage.locations import scheme_of
from grouping.storage.regular_files import read_regular_file

if TYPE_CHECKING:
    from grouping.api.photos.extract import ExtractedFace
    from grouping.api.photos.photo_input import SeenPhoto
    from grouping.sources.photo import Photo

FACES_FILE = "faces.json"
MOST_BYTES = 256 * 2**20  # of such a file


def add_extract_options(parser: argparse.ArgumentParser) -> None:
    """Options of ``extract``."""
    add = parser.add_argument
    add_photos(parser)
    add("--out", type=not_empty, metavar="DIR", help="folder for the pictures and faces.json")
    add("--json", action="store_true", help="print what faces.json holds")
    add_looking(parser)


def run_extract(arguments: argparse.Namespace) -> None:
    """Find the faces of photos, and save each as it is aligned and as it was seen.

    Raises:
        GroupingError: what cannot be gone on after, in one line; also where every photo failed.
    """
    if not (arguments.out or arguments.json):
        raise InputError("say where the faces go: --out DIR for pictures, --json to print numbers")
    if arguments.out and scheme_of(arguments.out):
        raise InputError(f"{arguments.out} is not on this machine; name a folder with --out")
    config, options = config_from(arguments), source_options_from(arguments)
    listed = partial(list_sources, arguments.photos, out=arguments.out, options=options)
    photos = listed()
    entries: list[dict[str, Any]] = []
    place = Path(arguments.out) if arguments.out else None
    with taken_back_empty(place) if place else nullcontext():
        folder = make_folder(place) if place else None
        try:
            with PhotoProgress(listed) as progress:
                extractor = _Extractor(folder)
                entries.extend(photo_entries(photos, extractor, config, options, progress))
        finally:  # also of what was done before a Ctrl-C
            if folder is not None and entries:
                write_file(folder / FACES_FILE, lambda file: file.write(_lines(entries)))
    if arguments.json:
        print(json.dumps(entries))
    else:
        _print_summary(entries, arguments.out)
    check_some(entries, progress)


class _Extractor:
    """Finds the faces of one photo after the other, and saves them where a folder is named."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._taken: set[str] = set()
        self._ours = _earlier_names(folder) if folder is not None else set()

    def __call__(self, photo: Photo, seen: SeenPhoto) -> list[dict[str, Any]]:
        """Return what is said of each face; its pictures are written by then."""
        from grouping.api.photos.extract import extracted

        faces = extracted(seen)
        entries = [face.as_dict() for face in faces]
        if self._folder is not None:
            _save(self._folder, photo, faces, self._taken, self._ours, entries)
        return entries


def _earlier_names(folder: Path) -> set[str]:
    """Return the names of the pictures that an earlier run wrote: these may be written over."""
    try:
        entries = json.loads(read_regular_file(folder / FACES_FILE, MOST_BYTES))
        faces = [face for entry in entries for face in entry["faces"]]
        return {str(face[key]) for face in faces for key in ("crop", "loose_crop") if key in face}
    except (OSError, InputError, ValueError, TypeError, KeyError, RecursionError):
        return set()  # there is none, or it is no file of ours


def _save(
    folder: Path,
    photo: Photo,
    faces: list[ExtractedFace],
    taken: set[str],
    ours: set[str],
    entries: list[dict[str, Any]],
) -> None:
    """Write two pictures a face, over nothing foreign; the entries are told their names."""
    from PIL import Image

    from grouping.export.safe_names import distinct_name, safe_name
    from grouping.storage.atomic_files import write_image

    place = photo.location.partition("?")[0] if scheme_of(photo.location) else photo.location
    while True:
        stem = distinct_name(safe_name(Path(place).stem), taken)
        names = [(f"{stem}-{k}.png", f"{stem}-{k}-loose.png") for k in range(len(faces))]
        if not any((folder / n).exists() and n not in ours for two in names for n in two):
            break
    for number, (face, (crop, loose)) in enumerate(zip(faces, names, strict=True)):
        for key, name, pixels in (
            ("crop", crop, face.crop),
            ("loose_crop", loose, face.loose_crop),
        ):
            write_image(folder / name, Image.fromarray(pixels))
            entries[number][key] = name


def _lines(entries: list[dict[str, Any]]) -> bytes:
    """JSON with a line for each photo."""
    return ("[\n" + ",\n".join(map(json.dumps, entries)) + "\n]\n").encode()


def _print_summary(entries: list[dict[str, Any]], out: str) -> None:
    for entry in entries:
        if "error" in entry:
            print(f"failed     {entry['error']}")
        elif not entry["faces"]:
            print(f"no face    {entry['photo']!r}")
        for face in entry["faces"]:
            poor = f"  too poor: {', '.join(face['flaws'])}" if face["flaws"] else ""
            print(f"face       {face['crop']}  quality {face['quality']:.2f}{poor}")
    print(f"results    {out}")


COMMAND = Command(
    "extract",
    "PHOTO... --out DIR [options]",
    "the faces of photos as pictures, with box, landmarks, pose and quality",
    "Find the faces of photos and save each twice, aligned as the network gets it (112x112) and "
    "as it was seen, upright with hair and chin; faces.json says where it is in the photo and "
    "how good it is. The numbers are those of a grouping run over the same photo.",
    add_extract_options,
    run_extract,
)
