"""The one place where the stages are wired together."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from grouping.config import AUTO, GroupingConfig
from grouping.corrections.drawn import Told
from grouping.execution.backends import backend_of
from grouping.execution.collector import OnPhoto, OnPictures, PhotoCollector
from grouping.execution.face_attributes import (
    AttributeReader,
    attributes_of_run,
)
from grouping.execution.face_models import FaceModels, shared_models
from grouping.execution.outcomes import crops_of, faces_of
from grouping.execution.tasks_elsewhere import on_one_cluster, tasks_for
from grouping.faces.time_limit import seconds_a_photo
from grouping.opting_out import clear_cache, may_be_of, without_people
from grouping.records import GROUPING, FaceSet, Int64, PhotoFaces, Progress
from grouping.results.pictures import pictures_of
from grouping.results.run_result import GroupingResult
from grouping.sources.photo import Photo
from grouping.stage_clock import stage

if TYPE_CHECKING:
    from grouping.clustering.constraints import Constraints
    from grouping.corrections.apply import AppliedCorrections
    from grouping.corrections.entries import Entry
    from grouping.execution.known_results import HoldBack
    from grouping.people.calibration import Calibration
    from grouping.people.identify.known_people import KnownFaces
    from grouping.people.identify.opt_out import OptOut
    from grouping.people.rules import GroupingRules
    from grouping.references.known_people import KnownPeople
    from grouping.results.opted_out import OptedOut
    from grouping.storage.cache import Cache


class GroupingPipeline:
    """Photos in, people out; may be used by several threads at once.

    Args:
        config: the settings; defaults where None.
        cache: results of earlier runs, or None.
        stop: set it to end a run early: photos in flight are finished, then
            :class:`grouping.errors.Interrupted` is raised.

    Raises:
        ModelError: age and gender are asked for, and the extra ``attributes`` is not installed.
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
        self._attributes = self._attribute_reader()

    @on_one_cluster
    def run(
        self,
        photos: Iterable[Photo],
        *,
        keep_crops: bool = False,
        on_photo: OnPhoto | None = None,
        corrections: Sequence[Entry] = (),
        known: KnownPeople | None = None,
        on_stage: Progress | None = None,
        opt_out: OptOut | None = None,
        on_pictures: OnPictures | None = None,
    ) -> GroupingResult:
        """Analyse photos and group their faces.

        Args:
            photos: asked for one at a time; may be a listing of millions.
            keep_crops: keep the aligned crops (38 kB a face).
            on_photo: called as each photo is done, in no particular order.
            corrections: what a person knows better, see :mod:`grouping.corrections.toml_file`.
            known: people known beforehand, see :mod:`grouping.references.known_people`.
            on_stage: called with a stage after the photos, how much is done and how much there is.
            opt_out: people whose faces are left out, of the result and of the cache.
            on_pictures: called with each photo that is analysed, not taken from the cache, and its
                small pictures; with ``opt_out`` also of people who are left out in the end.

        Raises:
            ModelError: a checkpoint or device cannot be used.
            CacheError: another run uses the cache while somebody has to be taken out of it.
            GraphTooLargeError: this machine has not the memory to group so many faces.
            CorrectionsError: corrections contradict each other.
            Interrupted: ``stop`` was set.
        """
        hold_back = None if opt_out is None else may_be_of(opt_out, self.models)
        collector = PhotoCollector(
            self.models,
            self.cache,
            stop=self.stop,
            keep_crops=keep_crops,
            on_photo=on_photo,
            hold_back=hold_back,
            on_pictures=on_pictures,
        )
        with seconds_a_photo(self.config.photo_seconds):
            collector.collect(photos, self.config.workers, backend_of(self.config))
            seen = tuple(collector.photos)
            told, outcomes = self._told(
                seen, collector.results, corrections, keep_crops, hold_back, on_stage
            )
        opted_out = None
        if opt_out is not None:
            whole = self._grouped(seen, outcomes, told, None)
            outcomes, opted_out = without_people(whole, opt_out, self.models)
            if self.cache is not None:
                clear_cache(self.cache, self.models, outcomes, opted_out, opt_out, store=True)
        if on_stage is not None:
            on_stage(GROUPING, 0, 1)
        result = self._grouped(seen, outcomes, told, known, opted_out)
        if on_stage is not None:
            on_stage(GROUPING, 1, 1)
        with seconds_a_photo(self.config.photo_seconds):
            return self._with_attributes(result, on_stage)

    def _told(
        self,
        photos: tuple[Photo, ...],
        outcomes: tuple[PhotoFaces, ...],
        entries: Sequence[Entry],
        keep_crops: bool,
        hold_back: HoldBack | None,
        on_stage: Progress | None,
    ) -> tuple[Told, tuple[PhotoFaces, ...]]:
        """Return what is told of the faces, and the photos with those that were drawn."""
        from grouping.told_faces import told_faces

        if not entries and not self.config.read_xmp:
            return Told(), outcomes
        return told_faces(
            photos,
            outcomes,
            entries,
            self.models,
            read_xmp=self.config.read_xmp,
            cache=self.cache,
            keep_crops=keep_crops,
            hold_back=hold_back,
            stop=self.stop,
            on_stage=on_stage,
        )

    def _grouped(
        self,
        photos: tuple[Photo, ...],
        outcomes: tuple[PhotoFaces, ...],
        told: Told,
        known: KnownPeople | None,
        opted_out: OptedOut | None = None,
    ) -> GroupingResult:
        """Group the faces of all photos, in the light of what a person corrected."""
        from grouping.clustering.linkage_in_parts import check_memory
        from grouping.people.copies import faces_of_originals, find_copies, picture_of_faces
        from grouping.people.group_faces import group_faces

        faces = faces_of(outcomes)
        corrections = _applied(told, faces, outcomes, opted_out)
        pictures = pictures_of(photos, outcomes, faces)
        copy_of = find_copies(pictures)
        picture = picture_of_faces(faces.photo_index, copy_of)
        same_as = faces_of_originals(pictures, copy_of)
        constraints = corrections.constraints if corrections else None
        check_memory(*faces.embeddings.shape)
        with tasks_for(self.config, len(faces)):
            with stage("calibrate"):
                calibration = self._calibration(faces, constraints, picture, same_as)
            threshold = self._threshold(calibration)
            rules = self._rules(threshold, calibration is not None)
            references = None if known is None else known_faces(known, corrections, len(faces))
            with stage("group"):
                grouping = group_faces(faces, rules, constraints, picture, same_as, references)
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
            known=known,
            opted_out=opted_out,
        )

    def _attribute_reader(self) -> AttributeReader | None:
        """Load the attribute networks, where they are asked for: before any photo is read."""
        if not self.config.attributes:
            return None
        from grouping.faces.attributes.attribute_networks import shared_networks

        return AttributeReader(shared_networks(), self.models, self.cache)

    def _with_attributes(self, result: GroupingResult, on_stage: Progress | None) -> GroupingResult:
        """Return the result with what faces and people seem to be, where that is asked for."""
        if self._attributes is None:
            return result
        from grouping.people.copies import picture_of_faces
        from grouping.people.description.ages import people_attributes

        with stage("attributes"):
            found = attributes_of_run(
                self._attributes,
                result.photos,
                result.outcomes,
                stop=self.stop,
                on_stage=on_stage,
            )
        picture = picture_of_faces(result.faces.photo_index, result.copy_of)
        people = people_attributes(
            result.grouping.labels, found.faces, result.faces.quality, picture
        )
        return replace(result, attributes=found, people_attributes=people)

    def _rules(self, threshold: float, calibrated: bool) -> GroupingRules:
        """Return the settings that concern people; the threshold may come from the album."""
        from grouping.people.rules import GroupingRules

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


def known_faces(
    known: KnownPeople, corrections: AppliedCorrections | None, count: int
) -> KnownFaces:
    """Return what grouping takes of people known beforehand: faces, and who has been named here.

    Args:
        known: r references.
        corrections: names given in this album; they win.
        count: faces of the album.
    """
    from grouping.people.identify.known_people import KnownFaces

    number = {name: place for place, name in enumerate(known.names)}
    named = np.full(count, -1)
    for face, name in sorted(corrections.names.items()) if corrections else ():
        named[face] = number.setdefault(name, len(number))
    return KnownFaces(known.person, known.faces, named)


def _applied(
    told: Told, faces: FaceSet, outcomes: Sequence[PhotoFaces], opted_out: OptedOut | None
) -> AppliedCorrections | None:
    """Return what is told of the faces as constraints and names; None where it is nothing."""
    from grouping.corrections.apply import apply_corrections

    if not any(told):
        return None
    contents = [outcome.sha256 for outcome in outcomes]
    gone = None if opted_out is None else opted_out.holds
    applied = apply_corrections(told.entries, faces, contents, told.foreign, gone)
    return replace(applied, warnings=(*told.notes, *applied.warnings))
