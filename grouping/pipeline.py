"""The one place where the stages are wired together."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from grouping.config import AUTO, GroupingConfig
from grouping.execution.collector import OnPhoto, PhotoCollector
from grouping.execution.drawn_faces import OnStage, draw_faces
from grouping.execution.face_models import FaceModels, shared_models
from grouping.execution.outcomes import crops_of, faces_of
from grouping.records import FaceSet, Int64, PhotoFaces
from grouping.results.run_result import GroupingResult
from grouping.sources.photo import Photo

if TYPE_CHECKING:
    from grouping.clustering.constraints import Constraints
    from grouping.corrections.drawn import Told
    from grouping.corrections.entries import Entry
    from grouping.people.calibration import Calibration
    from grouping.people.copies import Pictures
    from grouping.people.group_faces import GroupingRules
    from grouping.storage.cache import Cache


class GroupingPipeline:
    """Photos in, people out; may be used by several threads at once.

    Args:
        config: the settings; defaults where None.
        cache: results of earlier runs, or None.
        stop: set it to end a run early: photos in flight are finished, then
            :class:`grouping.errors.Interrupted` is raised.
    """

    def __init__(
        self,
        config: GroupingConfig | None = None,
        *,
        cache: Cache | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.config = config or GroupingConfig()
        self.models: FaceModels = shared_models(self.config)
        self.cache = cache
        self.stop = stop or threading.Event()

    def run(
        self,
        photos: Iterable[Photo],
        *,
        keep_crops: bool = False,
        on_photo: OnPhoto | None = None,
        corrections: Sequence[Entry] = (),
        on_stage: OnStage | None = None,
    ) -> GroupingResult:
        """Analyse photos and group their faces.

        Args:
            photos: asked for one at a time; may be a listing of millions.
            keep_crops: keep the aligned crops (38 kB a face).
            on_photo: called as each photo is done, in no particular order.
            corrections: what a person knows better, see :mod:`grouping.corrections.toml_file`.
            on_stage: called as each photo of a later stage is done, with the stage's name, how
                many are done and how many there are.

        Raises:
            ModelError: a checkpoint or device cannot be used.
            CorrectionsError: corrections contradict each other.
            Interrupted: ``stop`` was set.
        """
        collector = PhotoCollector(
            self.models, self.cache, stop=self.stop, keep_crops=keep_crops, on_photo=on_photo
        )
        collector.collect(photos, self.config.workers)
        seen = tuple(collector.photos)
        told, outcomes = self._told(seen, collector.results, corrections, keep_crops, on_stage)
        return self._grouped(seen, outcomes, told)

    def _told(
        self,
        photos: tuple[Photo, ...],
        outcomes: tuple[PhotoFaces, ...],
        entries: Sequence[Entry],
        keep_crops: bool,
        on_stage: OnStage | None,
    ) -> tuple[Told, tuple[PhotoFaces, ...]]:
        """Return what is told of the faces, and the photos with those that were drawn."""
        from grouping.corrections.drawn import Told, drawn_references, placed_entries
        from grouping.corrections.foreign import without_ignored

        told = Told(tuple(entries))
        if self.config.read_xmp:
            written, notes = self._written(photos, outcomes, on_stage)
            told = Told(told.entries, without_ignored(written, entries), notes)
        wanted = [*drawn_references(told.entries), *drawn_references(told.foreign)]
        if not wanted:
            return told, outcomes
        drawn = draw_faces(
            self.models,
            photos,
            outcomes,
            wanted,
            cache=self.cache,
            keep_crops=keep_crops,
            stop=self.stop,
            on_stage=on_stage,
        )
        placed, vain = placed_entries(told.entries, drawn.meant, drawn.refused)
        foreign, more = placed_entries(told.foreign, drawn.meant, drawn.refused)
        return Told(placed, foreign, (*told.notes, *vain, *more)), drawn.outcomes

    def _written(
        self,
        photos: tuple[Photo, ...],
        outcomes: tuple[PhotoFaces, ...],
        on_stage: OnStage | None,
    ) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
        """Return what other programs wrote about faces, and a line for what is of no use."""
        from grouping.corrections.xmp_entries import entries_of_regions
        from grouping.execution.written_regions import read_written_faces

        found = read_written_faces(photos, outcomes, stop=self.stop, on_stage=on_stage)
        entries: list[Entry] = []
        for place, faces in groupby(found.faces, key=lambda face: face.photo):
            outcome = outcomes[place]
            regions = [(face.box, face.name, face.where) for face in faces]
            entries += entries_of_regions(outcome.sha256 or "", regions, outcome.faces.boxes)
        return tuple(entries), found.notes

    def _grouped(
        self,
        photos: tuple[Photo, ...],
        outcomes: tuple[PhotoFaces, ...],
        told: Told,
    ) -> GroupingResult:
        """Group the faces of all photos, in the light of what a person corrected."""
        from grouping.corrections.apply import apply_corrections
        from grouping.people.copies import faces_of_originals, find_copies, picture_of_faces
        from grouping.people.group_faces import group_faces

        faces = faces_of(outcomes)
        corrections = (
            apply_corrections(told.entries, faces, [o.sha256 for o in outcomes], told.foreign)
            if any(told)
            else None
        )
        if corrections and told.notes:
            warnings = (*told.notes, *corrections.warnings)
            corrections = replace(corrections, warnings=warnings)
        pictures = pictures_of(photos, outcomes, faces)
        copy_of = find_copies(pictures)
        picture = picture_of_faces(faces.photo_index, copy_of)
        same_as = faces_of_originals(pictures, copy_of)
        constraints = corrections.constraints if corrections else None
        calibration = self._calibration(faces, constraints, picture, same_as)
        threshold = self._threshold(calibration)
        grouping = group_faces(
            faces, self._rules(threshold, calibration is not None), constraints, picture, same_as
        )
        return GroupingResult(
            photos=photos,
            outcomes=outcomes,
            faces=faces,
            crops=crops_of(outcomes),
            grouping=grouping,
            copy_of=copy_of,
            model=self.models.model,
            threshold=threshold,
            config=self.config,
            calibration=calibration,
            corrections=corrections,
        )

    def _rules(self, threshold: float, calibrated: bool) -> GroupingRules:
        """Return the settings that concern people; the threshold may come from the album."""
        from grouping.people.group_faces import GroupingRules

        return GroupingRules(
            method=self.config.cluster,
            threshold=threshold,
            min_photos=self.config.min_photos,
            one_face_per_photo=self.config.one_face_per_photo,
            allow_same_face=self.config.allow_same_face,
            measured=None if calibrated else self.models.default_threshold,
        )

    def _calibration(
        self,
        faces: FaceSet,
        constraints: Constraints | None,
        picture: Int64,
        same_as: Int64,
    ) -> Calibration | None:
        """Return what the album says, where it is asked or nothing is known of the network."""
        asked = self.config.threshold
        if asked != AUTO and not (asked is None and self.models.default_threshold is None):
            return None
        from grouping.people.calibration import calibrate_threshold

        default = self.models.default_threshold
        return calibrate_threshold(faces, default, constraints, picture, same_as)

    def _threshold(self, calibration: Calibration | None) -> float:
        """Return the threshold asked for, else that of the album, else that of the network."""
        if isinstance(self.config.threshold, int | float):
            return float(self.config.threshold)
        threshold = calibration.threshold if calibration else self.models.default_threshold
        assert threshold is not None  # a network of which nothing is known is calibrated
        return threshold


def pictures_of(
    photos: Sequence[Photo], outcomes: Sequence[PhotoFaces], faces: FaceSet
) -> Pictures:
    """Return what copies are told by; of like photos the one of the shortest name comes first."""
    from grouping.people.copies import Pictures

    names = [(len(photo.location), photo.location, place) for place, photo in enumerate(photos)]
    rank = np.empty(len(names), np.int64)
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return Pictures(
        [outcome.sha256 for outcome in outcomes],
        [outcome.picture_hash for outcome in outcomes],
        np.array([(o.width, o.height) for o in outcomes], np.int64).reshape(-1, 2),
        rank,
        faces,
    )
