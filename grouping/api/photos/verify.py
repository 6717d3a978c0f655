"""Are two photos of one person: :func:`verify`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from grouping.api.photos.photo_input import SeenPhoto, see_photo
from grouping.api.photos.represent import embeddings_of
from grouping.api.photos.verification import ComparedPhoto, FacePair, Verification
from grouping.config import GroupingConfig
from grouping.errors import NoFaceError
from grouping.execution.face_models import FaceModels
from grouping.lookup.album_index import AlbumIndex
from grouping.lookup.ask import check_allowed
from grouping.people.identify.same_person import Verdict, VerdictRule
from grouping.results.album import one_line
from grouping.similarity.impostors import Impostors
from grouping.sources.entries import SourceOptions

NOT_MEASURED = (
    "nobody has measured how alike strangers are to this network; "
    "name the threshold at which it groups faces (threshold=, --threshold)"
)
BY_CALLER = "nothing: it follows from the threshold that was given"


def verify(
    a: Any,
    b: Any,
    *,
    rule: VerdictRule | None = None,
    album: AlbumIndex | Path | str | None = None,
    false_matches: float | None = None,
    config: GroupingConfig | None = None,
    allow_local: bool = False,
    options: SourceOptions | None = None,
    **settings: Any,
) -> Verification:
    """Compare the faces of two photos, every one of the first with every one of the second.

    Args:
        a, b: two photos, each as for :func:`grouping.api.photos.extract.extract_faces`.
        rule: when two faces are one person; None for what is known of the network. Of a network
            that nobody has measured nothing is known unless ``config.threshold`` is a number.
        album: results of a run with a cache: how alike strangers are is taken from its people, and
            how often two of one photo are as alike is said. The photos are seen with its settings.
        false_matches: the share of comparisons of strangers that may be "same", from 1e-9 to 0.5;
            None for ``SAME_RATE`` of :mod:`grouping.people.identify.same_person`.
        config, allow_local, options, settings: as for ``extract_faces``.

    Raises:
        NoFaceError: one of the photos shows no face.
        ConfigError: ``false_matches`` is out of its range.
        GroupingError: as for ``extract_faces``.
    """
    config = (config or GroupingConfig()).with_settings(**settings)
    if false_matches is not None:
        check_allowed(false_matches)
    index = None
    if album is not None:
        index = album if isinstance(album, AlbumIndex) else AlbumIndex.open(album)
        index.models(config)
        rule, config = rule or _rule_of_album(index), index.config_for(config)
    seen = [
        see_photo(photo, name=name, config=config, allow_local=allow_local, options=options)
        for name, photo in (("a", a), ("b", b))
    ]
    for photo in seen:
        if not len(photo.outcome.faces):
            raise NoFaceError(f"no face in {photo.location}")
    models = seen[0].models
    first, second = map(_photo_of, seen)
    rule = rule or rule_of(models, config)
    if rule is not None and false_matches is not None:
        rule = replace(rule, same_rate=false_matches)
    found = _compared(first, second, rule, models)
    if index is None:
        return found
    return replace(found, album_rate=index.strangers.rate(found.similarity))


def _rule_of_album(index: AlbumIndex) -> VerdictRule | None:
    """When two faces are one person, from the people of an album; None where nothing tells."""
    if not index.told_by and index.measured is None:
        return None
    return VerdictRule(
        index.impostors,
        measured_on=f"{index.told_by} people of {one_line(str(index.folder))}, drawn towards what "
        "is known of the network",
    )


def rule_of(models: FaceModels, config: GroupingConfig) -> VerdictRule | None:
    """Return when two faces are one person for a network; None where nobody has measured it.

    A number given as ``config.threshold`` is taken for the one at which the network groups faces.
    """
    given = config.threshold
    if isinstance(given, int | float):
        return VerdictRule(Impostors.of_threshold(float(given)), measured_on=BY_CALLER)
    known = models.default_threshold
    return None if known is None else VerdictRule(Impostors.of_threshold(known))


def _photo_of(seen: SeenPhoto) -> ComparedPhoto:
    assert seen.outcome.sha256 is not None  # it was read
    return ComparedPhoto(seen.location, seen.outcome.sha256, tuple(embeddings_of(seen)))


def _compared(
    a: ComparedPhoto, b: ComparedPhoto, rule: VerdictRule | None, models: FaceModels
) -> Verification:
    pairs = tuple(sorted(_pairs(a, b, rule), key=lambda pair: -pair.similarity))
    verdict = _overall([pair.verdict for pair in pairs])
    deciding = [pair for pair in pairs if pair.verdict == verdict]
    reasons = dict.fromkeys(reason for pair in deciding for reason in pair.reasons)
    return Verification(
        verdict=verdict,
        reasons=tuple(reasons),
        pair=deciding[0],
        rule=rule,
        network=models.model["name"],
        a=a,
        b=b,
        pairs=pairs,
    )


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    """What all pairs say together: is somebody of the one photo in the other?"""
    if Verdict.SAME in verdicts:
        return Verdict.SAME
    return Verdict.UNSURE if Verdict.UNSURE in verdicts else Verdict.DIFFERENT


def _pairs(a: ComparedPhoto, b: ComparedPhoto, rule: VerdictRule | None) -> Iterator[FacePair]:
    vectors = [np.stack([face.embedding for face in photo.faces]) for photo in (a, b)]
    similarity = np.clip(vectors[0] @ vectors[1].T, -1, 1)
    poor = [[_poor(photo, number) for number in range(len(photo.faces))] for photo in (a, b)]
    for (i, j), value in np.ndenumerate(similarity):
        alike, flaws = float(value), poor[0][i] + poor[1][j]
        if rule is None:
            yield FacePair(i, j, alike, Verdict.UNSURE, (*flaws, NOT_MEASURED), None)
            continue
        rate = rule.false_match_rate(alike)
        verdict = rule.verdict(alike, similarity.size)
        if flaws:
            yield FacePair(i, j, alike, Verdict.UNSURE, flaws, rate)
        else:
            which = f"faces {i} and {j}: " if similarity.size > 1 else ""
            between = which + _between(alike, rule, similarity.size)
            reasons = (between,) if verdict == Verdict.UNSURE else ()
            yield FacePair(i, j, alike, verdict, reasons, rate)


def _poor(photo: ComparedPhoto, number: int) -> tuple[str, ...]:
    """One line that says why a face is too poor; nothing where it is good enough."""
    flaws = photo.faces[number].flaws
    which = f"the face in {photo.name}"
    if len(photo.faces) > 1:
        which = f"face {number} of {photo.name}"
    return (f"{which} is too poor: {', '.join(flaws)}",) if flaws else ()


def _between(similarity: float, rule: VerdictRule, pairs: int) -> str:
    return (
        f"the similarity {similarity:.2f} lies between {rule.different_below:.2f} (different) "
        f"and {rule.same_from(pairs):.2f} (same)"
    )
