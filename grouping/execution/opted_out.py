"""A cache without the people who opted out: nothing stays that was not compared with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from grouping.execution.face_models import drawn_key_of
from grouping.execution.known_results import HoldBack
from grouping.execution.told_faces.drawn_faces import without_drawn
from grouping.records import PhotoFaces

if TYPE_CHECKING:
    from grouping.execution.face_models import FaceModels
    from grouping.storage.cache import Cache


def store_held_back(
    cache: Cache,
    models: FaceModels,
    outcomes: Sequence[PhotoFaces],
    theirs: Collection[str],
    may_be_theirs: HoldBack,
) -> None:
    """Keep the results that were held back for nothing.

    Args:
        cache, models, theirs, may_be_theirs: as for :func:`leave_out_of_cache`.
        outcomes: what the photos of the album gave.
    """
    for outcome in outcomes:
        if outcome.sha256 is None or outcome.sha256 in theirs:
            continue
        detected, drawn = without_drawn(outcome)
        held = [
            (models.detector_key, detected),
            *((drawn_key_of(f.faces.boxes[0]), f) for f in drawn),
        ]
        for detector, result in held:
            if may_be_theirs(result):
                cache.store(result, detector, models.model_key)


def leave_out_of_cache(
    cache: Cache,
    models: FaceModels,
    outcomes: Sequence[PhotoFaces],
    theirs: Collection[str],
    may_be_theirs: HoldBack,
) -> None:
    """Remove the results of photos that show people who opted out, so that no byte of them stays.

    What a cache holds of other albums is compared with the people too; results of other networks
    and settings, which cannot be, are removed.

    Args:
        cache: of this run or of an earlier one.
        models: the networks.
        outcomes: what the photos of the album gave.
        theirs: SHA-256 of the photos among them that show somebody who opted out.
        may_be_theirs: whether a result holds a face that may be of such a person.

    Raises:
        CacheError: another run uses the cache.
    """
    detector, model = models.detector_key, models.model_key
    kept = {o.sha256 for o in outcomes if o.sha256 is not None and o.sha256 not in theirs}
    for content in set(cache.contents()) - kept - set(theirs):
        result = cache.load(content, detector, model)
        if result is not None and not may_be_theirs(result):
            kept.add(content)
    cache.keep_only(kept, detector, model, _drawn_in(outcomes, kept))


def _drawn_in(outcomes: Sequence[PhotoFaces], kept: Collection[str]) -> set[tuple[str, str]]:
    """Return photo and key of each face that was drawn on a photo that is kept."""
    return {
        (outcome.sha256, drawn_key_of(outcome.faces.boxes[row]))
        for outcome in outcomes
        if outcome.sha256 is not None and outcome.sha256 in kept
        for row in outcome.drawn
    }
