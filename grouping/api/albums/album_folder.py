"""A whole album into a folder of results, and again as it grows: :func:`group_into_folder`."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grouping.api.albums.outputs import OutputOptions, early_pictures, write_results
from grouping.config import GroupingConfig
from grouping.corrections.overrides import in_download_order
from grouping.corrections.toml_file import load_all_corrections
from grouping.errors import InputError, Interrupted
from grouping.execution.collector import OnPhoto
from grouping.pipeline import GroupingPipeline
from grouping.records import Progress
from grouping.results.document import read_document
from grouping.results.person_ids import check_previous
from grouping.sources.entries import SourceOptions, photo_at
from grouping.sources.listing import list_sources
from grouping.sources.photo import LocalPhoto, Photo
from grouping.storage.cache import Cache
from grouping.storage.destinations import open_destination
from grouping.storage.locations import printable
from grouping.storage.result_folder import CACHE_FILE, CORRECTIONS_PATTERN, GROUPS_FILE

if TYPE_CHECKING:
    from grouping.results.schema import Document


@dataclass(frozen=True)
class AlbumPhoto:
    """A photo of an album.

    Attributes:
        id: what it is called in the results; JSON has to know its type.
        place: a path of this machine, or an ``http(s)://`` or ``s3://`` address.
    """

    id: Any
    place: Path | str


def group_into_folder(
    photos: Iterable[AlbumPhoto],
    folder: Path,
    *,
    prefixes: Sequence[str] = (),
    most_photos: int | None = None,
    config: GroupingConfig | None = None,
    options: SourceOptions | None = None,
    plots: bool = True,
    on_photo: OnPhoto | None = None,
    on_stage: Progress | None = None,
    stop: threading.Event | None = None,
) -> Document:
    """Find out who is in which photo, and write it as the command ``group`` does.

    The same call again goes on where the last one ended: photos that are in the folder's cache cost
    no time, people keep their ``group_id``, and ``corrections*.toml`` in the folder hold.

    Args:
        photos: of the album.
        folder: of the results, made where it is not there; one run at a time writes into it.
        prefixes: ``s3://bucket/prefix`` addresses whose photos are the album's as well.
        most_photos: that the album may have; None for any number.
        config: settings of the run.
        options: limits of the fetching.
        plots: also make pictures, contact sheets and the gallery page.
        on_photo: called as each photo is done.
        on_stage: called with a stage after the photos, how much is done and how much there is.
        stop: set it to end the run early; photos in flight are finished and kept in the cache.

    Returns:
        What ``groups.json`` holds.

    Raises:
        InputError: earlier results in the folder are damaged, or the photos are too many.
        SourceError: a prefix cannot be listed or holds no photo.
        CorrectionsError: the corrections in the folder cannot be applied.
        OutputError: the folder cannot be written to, or another run does.
        ModelError: a checkpoint or device cannot be used.
        Interrupted: ``stop`` was set.
    """
    options, outputs = options or SourceOptions(), OutputOptions(plots=plots)
    stop = stop or threading.Event()
    with open_destination(folder) as destination:
        previous = previous_in(folder)
        corrections = load_all_corrections(corrections_in(folder))
        listed = _limited(_photos(photos, prefixes, options), most_photos)
        with Cache.open(folder / CACHE_FILE) as cache:
            pipeline = GroupingPipeline(config, cache=cache, stop=stop)
            result = pipeline.run(
                listed,
                on_photo=on_photo,
                corrections=corrections,
                on_stage=on_stage,
                on_pictures=early_pictures(outputs, folder),
            )
        document, _ = write_results(result, folder, outputs, previous, _stopping(stop, on_stage))
        destination.publish()
    return document


def previous_in(folder: Path) -> Document | None:
    """Return the result in a folder whose people keep their ids; None where there is none.

    Raises:
        InputError: it is damaged.
    """
    path = folder / GROUPS_FILE
    return read_previous(path) if path.exists() else None


def read_previous(path: Path) -> Document:
    """Read a ``groups.json``, and find out before the work whether its people can keep their ids.

    Raises:
        InputError: it is none.
    """
    document = read_document(path)
    check_previous(document)
    return document


def corrections_in(folder: Path) -> list[Path]:
    """Return the files of corrections in a folder of results, in the order they apply."""
    return in_download_order([*folder.glob(CORRECTIONS_PATTERN)])


def _photos(
    photos: Iterable[AlbumPhoto], prefixes: Sequence[str], options: SourceOptions
) -> Iterator[Photo]:
    for photo in photos:
        if isinstance(photo.place, Path):
            place = printable(photo.place)
            yield LocalPhoto(photo.id, place, photo.place, options.max_bytes)
        else:
            yield photo_at(photo.place, photo.id, options)
    if prefixes:
        yield from list_sources(prefixes, options=options)


def _limited(photos: Iterable[Photo], most: int | None) -> Iterator[Photo]:
    for count, photo in enumerate(photos):
        if most is not None and count >= most:
            raise InputError(f"the album has more than {most} photos; split it")
        yield photo


def _stopping(stop: threading.Event, on_stage: Progress | None) -> Progress:
    """Return a callback that ends the making of pictures once a stop is asked for."""

    def told(stage: str, done: int, total: int) -> None:
        if stop.is_set():
            raise Interrupted
        if on_stage is not None:
            on_stage(stage, done, total)

    return told
