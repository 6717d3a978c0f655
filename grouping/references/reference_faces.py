"""The face that each reference photo means: read, found, embedded, and kept nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from grouping.errors import InputError
from grouping.execution.collector import OnPhoto, PhotoCollector
from grouping.execution.face_models import FaceModels
from grouping.people.identify.only_face import only_face
from grouping.records import FaceSet, Int64, PhotoFaces
from grouping.references.people_list import ReferencePerson
from grouping.results.album import one_line


@dataclass(frozen=True, eq=False)
class ReferenceFaces:
    """One face for each reference photo that shows one.

    Attributes:
        person: (r,) int64, whose face each is, a place in the list of people.
        faces: r of them, ``photo_index`` the row itself.
        sha256: of the photo of each; None for one that came as pixels.
        problems: one line for each photo that could not be used, or only with a remark.
    """

    person: Int64
    faces: FaceSet
    sha256: tuple[str | None, ...]
    problems: tuple[str, ...]


def reference_faces(
    people: Sequence[ReferencePerson],
    models: FaceModels,
    *,
    workers: int = 0,
    on_photo: OnPhoto | None = None,
) -> ReferenceFaces:
    """Find the face that each photo of the people means.

    Args:
        people: who they are.
        models: the networks of the album.
        workers: processes for many photos.
        on_photo: called as each photo is done, in no particular order.

    Raises:
        InputError: one photo is under two names, or no photo at all can be used.
        ModelError: a checkpoint or device cannot be used.
    """
    owner = np.repeat(np.arange(len(people)), [len(person.photos) for person in people])
    collector = PhotoCollector(models, None, on_photo=on_photo)
    collector.collect((photo for person in people for photo in person.photos), workers)
    results = collector.results
    _check_contents(people, owner, results)
    person: list[int] = []
    taken: list[FaceSet] = []
    contents: list[str | None] = []
    problems: list[str] = []
    seen = zip(owner.tolist(), collector.photos, results, strict=True)
    for place, photo, outcome in seen:
        row, remark = _meant(outcome)
        if remark:
            problems.append(f"{people[place].name}, {one_line(photo.location)}: {remark}")
        if row is not None:
            person.append(place)
            taken.append(outcome.faces[[row]])
            contents.append(outcome.sha256)
    if not taken:
        raise InputError(f"no photo of known people can be used; {problems[0]}")
    faces = FaceSet.concatenate(taken)
    faces = replace(faces, photo_index=np.arange(len(faces), dtype=np.int32))
    return ReferenceFaces(np.array(person, np.int64), faces, tuple(contents), tuple(problems))


def _meant(outcome: PhotoFaces) -> tuple[int | None, str]:
    """Return the row of the face that is meant, None where none is, and what is to be said."""
    from grouping.faces.flaws import flaws_of

    if outcome.failure is not None:
        return None, one_line(outcome.failure.reason)
    meant = only_face(outcome.faces)
    if meant.row is None:
        return None, f"not used, {meant.problem}"
    (flaws,) = flaws_of(outcome.faces[[meant.row]])
    if flaws:
        return None, f"not used, the face is too poor: {', '.join(flaws)}"
    return meant.row, meant.remark


def _check_contents(
    people: Sequence[ReferencePerson], owner: Int64, results: Sequence[PhotoFaces]
) -> None:
    """See to it that no photo stands for two people.

    Raises:
        InputError: one does.
    """
    whose: dict[str, int] = {}
    for place, outcome in _with_content(owner, results):
        other = whose.setdefault(outcome, place)
        if other != place:
            raise InputError(
                f"one photo is of {people[other].name} and of {people[place].name}; "
                "take it out of one of them"
            )


def _with_content(owner: Int64, results: Sequence[PhotoFaces]) -> Iterator[tuple[int, str]]:
    for place, outcome in zip(owner.tolist(), results, strict=True):
        if outcome.sha256 is not None and outcome.failure is None:
            yield place, outcome.sha256
