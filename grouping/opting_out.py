"""People who opted out: taken out of what photos gave, and of caches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from grouping.execution.known_results import HoldBack
from grouping.records import PhotoFaces
from grouping.results.pictures import pictures_of

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.people.identify.opt_out import OptOut
    from grouping.results.opted_out import OptedOut
    from grouping.results.run_result import GroupingResult
    from grouping.similarity.impostors import Impostors
    from grouping.storage.cache import Cache

# Of a network of which nothing is known; those measured have 0.38 and 0.40.
USUAL_THRESHOLD = 0.4


def usual_impostors(models: FaceModels) -> Impostors:
    """Return how alike strangers are, as far as it is known before an album has told."""
    from grouping.similarity.impostors import Impostors

    return Impostors.of_threshold(models.default_threshold or USUAL_THRESHOLD)


def may_be_of(opt_out: OptOut, models: FaceModels) -> HoldBack:
    """Return what says whether a result holds a face that may be of one of these people."""
    from grouping.people.identify.opt_out import DOUBTFUL_UNKNOWN, doubtful_similarity

    known = models.default_threshold is not None
    lowest = doubtful_similarity(usual_impostors(models)) if known else DOUBTFUL_UNKNOWN
    return lambda result: bool(
        len(result.faces) and opt_out.similarity(result.faces.embeddings).max() >= lowest
    )


def clear_cache(
    cache: Cache,
    models: FaceModels,
    outcomes: Sequence[PhotoFaces],
    opted_out: OptedOut,
    opt_out: OptOut,
    *,
    store: bool = False,
) -> None:
    """Take people who opted out of a cache.

    Args:
        cache: of this run or of an earlier one.
        models: the networks of the run.
        outcomes: what the photos gave, but for those people.
        opted_out: who was left out.
        opt_out: the people.
        store: keep results there that had to wait until it was known whose faces they hold.

    Raises:
        CacheError: another run uses the cache.
    """
    from grouping.execution.opted_out import leave_out_of_cache, store_held_back

    known = models, outcomes, opted_out.contents, may_be_of(opt_out, models)
    if store:
        store_held_back(cache, *known)
    leave_out_of_cache(cache, *known)


def without_people(
    result: GroupingResult, opt_out: OptOut, models: FaceModels
) -> tuple[tuple[PhotoFaces, ...], OptedOut]:
    """Return what the photos gave without those people, from a grouping with them."""
    from grouping.people.copies import faces_of_originals
    from grouping.people.identify.opt_out import opted_out_faces
    from grouping.results.opted_out import leave_out
    from grouping.similarity.impostors import Impostors

    faces, told = result.faces, result.corrections
    pictures = pictures_of(result.photos, result.outcomes, faces)
    same_as = faces_of_originals(pictures, result.copy_of)
    copies = np.flatnonzero(same_as >= 0)
    linked = [np.stack([copies, same_as[copies]], axis=1)]
    if told is not None:
        linked.append(told.constraints.must_link)
    right = models.default_threshold or result.threshold
    found = opted_out_faces(
        faces,
        result.grouping.labels,
        opt_out,
        Impostors.of_threshold(right),
        np.concatenate(linked),
    )
    return leave_out(result.outcomes, faces, found)
