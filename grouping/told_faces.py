"""What is told of faces once photos were looked at: corrections, faces drawn, regions of XMP."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from grouping.corrections.drawn import Told, drawn_references, placed_entries
from grouping.corrections.entries import Entry
from grouping.corrections.foreign import without_ignored
from grouping.corrections.xmp_entries import entries_of_regions
from grouping.execution.told_faces.drawn_faces import draw_faces
from grouping.execution.told_faces.written_regions import read_written_faces
from grouping.records import PhotoFaces, Progress
from grouping.sources.photo import Photo

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.execution.known_results import HoldBack
    from grouping.storage.cache import Cache


def told_faces(
    photos: tuple[Photo, ...],
    outcomes: tuple[PhotoFaces, ...],
    entries: Sequence[Entry],
    models: FaceModels,
    *,
    read_xmp: bool = False,
    cache: Cache | None = None,
    keep_crops: bool = False,
    hold_back: HoldBack | None = None,
    stop: threading.Event | None = None,
    on_stage: Progress | None = None,
) -> tuple[Told, tuple[PhotoFaces, ...]]:
    """Return what is told of the faces, and the photos with those that were drawn.

    Args:
        photos, outcomes: of the run.
        entries: corrections.
        models: the networks.
        read_xmp: read what other programs wrote into the photos or beside them.
        cache: of faces drawn, or None.
        keep_crops: keep the crops of faces drawn.
        hold_back: says which of them the cache is not told of, for now or for good.
        stop: set it to end the run early.
        on_stage: called with a stage, how many photos are done and how many there are.

    Raises:
        Interrupted: ``stop`` was set.
    """
    told = Told(tuple(entries))
    if read_xmp:
        written, notes = _written(photos, outcomes, stop, on_stage)
        told = Told(told.entries, without_ignored(written, entries), notes)
    wanted = [*drawn_references(told.entries), *drawn_references(told.foreign)]
    if not wanted:
        return told, outcomes
    drawn = draw_faces(
        models,
        photos,
        outcomes,
        wanted,
        cache=cache,
        keep_crops=keep_crops,
        hold_back=hold_back,
        stop=stop,
        on_stage=on_stage,
    )
    placed, vain = placed_entries(told.entries, drawn.meant, drawn.refused)
    foreign, more = placed_entries(told.foreign, drawn.meant, drawn.refused)
    return Told(placed, foreign, (*told.notes, *vain, *more)), drawn.outcomes


def _written(
    photos: tuple[Photo, ...],
    outcomes: tuple[PhotoFaces, ...],
    stop: threading.Event | None,
    on_stage: Progress | None,
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Return what other programs wrote about faces, and a line for what is of no use."""
    found = read_written_faces(photos, outcomes, stop=stop, on_stage=on_stage)
    entries: list[Entry] = []
    for place, faces in groupby(found.faces, key=lambda face: face.photo):
        outcome = outcomes[place]
        regions = [(face.box, face.name, face.where) for face in faces]
        entries += entries_of_regions(outcome.sha256 or "", regions, outcome.faces.boxes)
    return tuple(entries), found.notes
