"""What photos gave, put together: the faces and crops of all, and a few photos on their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from grouping.execution.collector import PhotoCollector
from grouping.records import FaceSet, PhotoFaces, UInt8

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.sources.photo import Photo
    from grouping.storage.cache import Cache


def outcomes_of(
    models: FaceModels,
    photos: Iterable[Photo],
    *,
    cache: Cache | None = None,
    keep_crops: bool = False,
) -> tuple[PhotoFaces, ...]:
    """Return what a few photos give, in their order, as a grouping run would find it.

    Args:
        models: the networks.
        photos: to be read and analysed in this process.
        cache: asked first, and told what is new; None leaves no trace of the photos.
        keep_crops: keep the aligned crops; the cache is not used then.

    Raises:
        ModelError: a checkpoint or device cannot be used.
    """
    collector = PhotoCollector(models, cache, keep_crops=keep_crops)
    collector.collect(photos)
    return collector.results


def faces_of(outcomes: Sequence[PhotoFaces]) -> FaceSet:
    """Return the faces of all photos, each with the position of its photo."""
    faces = FaceSet.concatenate([outcome.faces for outcome in outcomes])
    place = np.repeat(np.arange(len(outcomes)), [len(outcome.faces) for outcome in outcomes])
    return replace(faces, photo_index=place.astype(np.int32))


def crops_of(outcomes: Sequence[PhotoFaces]) -> UInt8 | None:
    """Return the crops of all photos, (n, 112, 112, 3) uint8 RGB; None where none was kept."""
    crops = [o.crops for o in outcomes if o.crops is not None and len(o.crops)]
    return np.concatenate(crops) if crops else None
