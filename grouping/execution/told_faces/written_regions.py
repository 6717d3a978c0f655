"""Face regions that other programs wrote into or beside the photos of a run."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from grouping.errors import GroupingError, Interrupted, PhotoError
from grouping.execution.read_ahead import read_ahead
from grouping.records import PhotoFaces, Progress
from grouping.sources.metadata.sidecars import sidecars_of
from grouping.sources.metadata.stored_areas import Area, upright_area
from grouping.sources.metadata.xmp_regions import MOST_BYTES, Region, regions_in
from grouping.sources.photo import MemoryPhoto, Photo
from grouping.storage.regular_files import read_regular_file

STAGE = "names in photos"
# By how much the shape of the image that regions were written for may differ from the photo's.
SHAPE_TOLERANCE = 0.02


@dataclass(frozen=True)
class WrittenFace:
    """A region in a photo of the run.

    Attributes:
        photo: its place in the run.
        box: x1, y1, x2, y2 in pixels of the upright photo, perhaps beyond its edges.
        name: as it was written; empty for none.
        where: the file it was written in, for messages.
    """

    photo: int
    box: tuple[float, float, float, float]
    name: str
    where: str


@dataclass(frozen=True)
class WrittenFaces:
    """All regions of a run, and a line for each photo or region that could not be used."""

    faces: tuple[WrittenFace, ...] = ()
    notes: tuple[str, ...] = ()


def read_written_faces(
    photos: Sequence[Photo],
    outcomes: Sequence[PhotoFaces],
    *,
    stop: threading.Event | None = None,
    on_stage: Progress | None = None,
) -> WrittenFaces:
    """Read the face regions in the photos and in their sidecars.

    Every photo is read, also those whose faces are known: names change without the pixels.

    Args:
        photos: of the run.
        outcomes: what each of them gave; those that could not be used are passed over.
        stop: set it to end early.
        on_stage: called as each photo is done.

    Raises:
        Interrupted: ``stop`` was set.
    """
    places = [k for k, photo in enumerate(photos) if _has_bytes(photo, outcomes[k])]
    faces: list[WrittenFace] = []
    notes: list[str] = []
    with closing(read_ahead([photos[k] for k in places], _read, stop=stop)) as reads:
        for done, photo, found in reads:
            place = places[done]
            if isinstance(found, PhotoError):
                notes.append(f"{photo.location}: names in it are not read, {found}")
            else:
                notes += found.notes
                for where, region in found.regions:
                    box = found.box_of(region, outcomes[place])
                    if box is None:
                        notes.append(f"{where}: a region was written for another size of the photo")
                    else:
                        faces.append(WrittenFace(place, box, region.name, where))
            if on_stage is not None:
                on_stage(STAGE, done + 1, len(places))
    if stop is not None and stop.is_set():
        raise Interrupted
    return WrittenFaces(tuple(faces), tuple(dict.fromkeys(notes)))


def _has_bytes(photo: Photo, outcome: PhotoFaces) -> bool:
    pixels = isinstance(photo, MemoryPhoto) and photo.data is None
    return outcome.failure is None and outcome.sha256 is not None and not pixels


@dataclass(frozen=True)
class _Written:
    """What one photo and its sidecars hold."""

    orientation: int
    regions: tuple[tuple[str, Region], ...]
    notes: tuple[str, ...]

    def box_of(
        self, region: Region, outcome: PhotoFaces
    ) -> tuple[float, float, float, float] | None:
        """Return a region in pixels of the upright photo; None where it is of another shape."""
        upright = _upright(region, self.orientation, outcome.width, outcome.height)
        if upright is None:
            return None
        x, y, w, h = upright
        sides = outcome.width, outcome.height
        return (
            round((x - w / 2) * sides[0], 2),
            round((y - h / 2) * sides[1], 2),
            round((x + w / 2) * sides[0], 2),
            round((y + h / 2) * sides[1], 2),
        )


def _upright(region: Region, orientation: int, width: int, height: int) -> Area | None:
    """Return the area in the upright photo, by the shape of the image it was written for."""
    stored = (height, width) if orientation >= 5 else (width, height)
    if region.applied_to is None or _alike(region.applied_to, stored):
        return upright_area(region.area, orientation)
    # Some programs write what they show.
    return region.area if _alike(region.applied_to, (width, height)) else None


def _alike(size: tuple[float, float], other: tuple[float, float]) -> bool:
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1) <= SHAPE_TOLERANCE


def _read(photo: Photo) -> _Written:
    """Read one photo and its sidecars.

    Raises:
        PhotoError: it cannot be read.
    """
    from grouping.faces.photo_header import read_header

    header = read_header(photo.read())
    packets: list[tuple[str, bytes]] = [(photo.location, header.xmp)] if header.xmp else []
    notes: list[str] = []
    for path in sidecars_of(photo):
        try:
            packets.append((str(path), read_regular_file(path, MOST_BYTES)))
        except (OSError, GroupingError) as error:
            notes.append(f"{path}: it is not read, {error}")
    regions = [*_regions(packets, notes)]
    return _Written(header.orientation, tuple(regions), tuple(notes))


def _regions(
    packets: Sequence[tuple[str, bytes]], notes: list[str]
) -> Iterator[tuple[str, Region]]:
    for where, packet in packets:
        try:
            yield from ((where, region) for region in regions_in(packet))
        except GroupingError as error:
            notes.append(f"{where}: names in it are not read, {error}")
