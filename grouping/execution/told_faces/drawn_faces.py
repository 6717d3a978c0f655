"""Faces that a person drew, or another program wrote, put beside those that were detected.

::

    reference --overlaps a detected face------------------------> that face
              --the networks see a detected face in the box-----> that face
              --the cache knows the box, or its photo is read---> a face of its own
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from grouping.boxes import SAME_FACE_IOU, box_iou, clip_boxes, paired_overlap
from grouping.errors import FetchError, GroupingError, Interrupted, PhotoError, one_line
from grouping.execution.face_models import drawn_key_of
from grouping.execution.known_results import HoldBack
from grouping.faces.time_limit import TimeLimit
from grouping.records import FaceReference, FaceSet, Float32, Int64, PhotoFaces, Progress
from grouping.sources.photo import MemoryPhoto, Photo

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.storage.cache import Cache

SMALLEST_SIDE = 8.0  # px; nobody can be told from fewer
LEAST_INSIDE = 0.5  # of a box, within the photo
MOST_DRAWN = 200  # faces of one photo, each of which is looked at by itself
BOX_DIGITS = 2  # of the boxes in a document, by which a face is found again

STAGE = "drawn faces"


@dataclass(frozen=True, eq=False)
class DrawnFaces:
    """What became of the boxes.

    Attributes:
        outcomes: of all photos, those with drawn faces at the end of their faces.
        meant: for each reference the face it stands for, where there is one.
        refused: for each other reference to a photo of the album, why it stands for none.
    """

    outcomes: tuple[PhotoFaces, ...]
    meant: Mapping[FaceReference, FaceReference]
    refused: Mapping[FaceReference, str]


def draw_faces(
    models: FaceModels,
    photos: Sequence[Photo],
    outcomes: Sequence[PhotoFaces],
    references: Iterable[FaceReference],
    *,
    cache: Cache | None = None,
    keep_crops: bool = False,
    hold_back: HoldBack | None = None,
    stop: threading.Event | None = None,
    on_stage: Progress | None = None,
) -> DrawnFaces:
    """Find or add the faces that references stand for.

    A photo is read where a box in it is new, in this process; the same again costs nothing.

    Args:
        models: the networks.
        photos: of the run.
        outcomes: what each of them gave.
        references: boxes in which there is a face; those of other photos are passed over.
        cache: asked first, and told what is new.
        keep_crops: give drawn faces their crops; the cache is not used then.
        hold_back: says which faces are not to be kept, for now or for good.
        stop: set it to end early.
        on_stage: called as each photo is done.

    Raises:
        ModelError: a checkpoint or device cannot be used.
        Interrupted: ``stop`` was set.
    """
    artist = _Artist(models, None if keep_crops else cache, keep_crops, hold_back)
    positions = _positions(outcomes)
    asked: dict[str, list[FaceReference]] = {}
    for reference in dict.fromkeys(references):
        if reference.photo in positions:
            asked.setdefault(reference.photo, []).append(reference)
    changed = list(outcomes)
    for done, (content, boxes) in enumerate(asked.items(), 1):
        if stop is not None and stop.is_set():
            raise Interrupted
        first, *_ = places = positions[content]
        outcome = artist.drawn(photos[first], outcomes[first], boxes)
        for place in places:
            changed[place] = outcome
        if on_stage is not None:
            on_stage(STAGE, done, len(asked))
    return DrawnFaces(tuple(changed), artist.meant, artist.refused)


def without_drawn(outcome: PhotoFaces) -> tuple[PhotoFaces, list[PhotoFaces]]:
    """Return what was detected in a photo, and of each face that was drawn what it gave."""
    if not outcome.drawn:
        return outcome, []
    rows = list(outcome.drawn)
    detected = np.setdiff1d(np.arange(len(outcome.faces)), rows)
    return _rows(outcome, detected), [_rows(outcome, np.array([row])) for row in rows]


def _rows(outcome: PhotoFaces, rows: Int64) -> PhotoFaces:
    crops = None if outcome.crops is None else outcome.crops[rows]
    return replace(outcome, faces=outcome.faces[rows], crops=crops, drawn=())


def _positions(outcomes: Sequence[PhotoFaces]) -> dict[str, list[int]]:
    """Return the places of the photos of each content that could be used."""
    positions: dict[str, list[int]] = {}
    for place, outcome in enumerate(outcomes):
        if outcome.sha256 is not None and outcome.failure is None:
            positions.setdefault(outcome.sha256, []).append(place)
    return positions


class _Artist:
    """Draws the faces of one photo after the other; for ``meant`` and ``refused`` see above."""

    def __init__(
        self,
        models: FaceModels,
        cache: Cache | None,
        keep_crops: bool,
        hold_back: HoldBack | None,
    ) -> None:
        self.meant: dict[FaceReference, FaceReference] = {}
        self.refused: dict[FaceReference, str] = {}
        self._models = models
        self._cache = cache
        self._keep_crops = keep_crops
        self._hold_back = hold_back

    def drawn(
        self, photo: Photo, outcome: PhotoFaces, references: Sequence[FaceReference]
    ) -> PhotoFaces:
        """Return what a photo gave with the faces that references to it stand for."""
        data: bytes | None = None
        limit = TimeLimit()
        for reference in references:
            box = np.array([reference.box], np.float32)
            if self._is_there(reference, box, outcome):
                continue
            inside = np.round(clip_boxes(box, outcome.width, outcome.height), BOX_DIGITS)
            reason = _flaw(box, inside)
            if reason is None and len(outcome.drawn) >= MOST_DRAWN:
                reason = f"its photo has {MOST_DRAWN} drawn ones already"
            if reason is not None:
                self.refused[reference] = reason
                continue
            try:
                face = self._known(reference.photo, inside)
                if face is None:
                    data = data or _bytes(photo, reference.photo)
                    with limit.running():
                        face = self._fresh(data, inside, outcome.rotation)
            except PhotoError as error:
                self.refused[reference] = f"its photo cannot be used ({error})"
                continue
            if not self._is_there(reference, face.faces.boxes, outcome):
                outcome = _with_face(outcome, face, inside)
                self._stands_for(reference, inside[0])
        return outcome

    def _is_there(self, reference: FaceReference, box: Float32, outcome: PhotoFaces) -> bool:
        """Whether a box (1, 4) is that of a face that the photo has; that is meant then."""
        shared = box_iou(box, outcome.faces.boxes)[0]
        if shared.max(initial=0) < SAME_FACE_IOU:
            return False
        self._stands_for(reference, outcome.faces.boxes[shared.argmax()])
        return True

    def _stands_for(self, reference: FaceReference, box: Float32) -> None:
        x1, y1, x2, y2 = box.tolist()
        self.meant[reference] = FaceReference(reference.photo, (x1, y1, x2, y2))

    def _known(self, content: str, box: Float32) -> PhotoFaces | None:
        """Return what an earlier run saw in a box (1, 4)."""
        if self._cache is None:
            return None
        found = self._cache.load(content, drawn_key_of(box[0]), self._models.model_key)
        return found if found is not None and len(found.faces) == 1 else None

    def _fresh(self, data: bytes, box: Float32, rotation: int) -> PhotoFaces:
        """Return what the networks see in a box (1, 4), and keep it."""
        from grouping.faces.drawn_faces import faces_in_boxes

        try:
            face = faces_in_boxes(self._models.analyser, data, box, rotation)
        except GroupingError:
            raise
        except Exception as error:
            raise PhotoError(one_line(error)) from error
        held_back = self._hold_back is not None and self._hold_back(face)
        if self._cache is not None and not held_back:
            self._cache.store(face, drawn_key_of(box[0]), self._models.model_key)
        return face if self._keep_crops else replace(face, crops=None)


def _flaw(box: Float32, inside: Float32) -> str | None:
    """Return why a box (1, 4) can hold no face, by what of it lies inside of the photo (1, 4)."""
    if not paired_overlap(box, inside)[0] >= LEAST_INSIDE:  # nor where a side is beyond all bounds
        return "it lies outside of the photo"
    if (inside[0, 2:] - inside[0, :2]).min() < SMALLEST_SIDE:
        return f"a face of less than {SMALLEST_SIDE:.0f} pixels tells nothing"
    return None


def _bytes(photo: Photo, content: str) -> bytes:
    """Return the bytes of a photo.

    Raises:
        FetchError: they cannot be had, or are others by now.
    """
    if isinstance(photo, MemoryPhoto) and photo.data is None:
        raise FetchError("it was given as pixels; give its file")
    data = photo.read()
    if hashlib.sha256(data).hexdigest() != content:
        raise FetchError("it has changed since the run began")
    return data


def _with_face(outcome: PhotoFaces, face: PhotoFaces, box: Float32) -> PhotoFaces:
    """Return what a photo gave with one face more, in the box (1, 4) that was drawn."""
    faces = FaceSet.concatenate([outcome.faces, replace(face.faces, boxes=box)])
    crops = outcome.crops
    if face.crops is not None:
        crops = face.crops if crops is None else np.concatenate([crops, face.crops])
    return replace(outcome, faces=faces, crops=crops, drawn=(*outcome.drawn, len(faces) - 1))
