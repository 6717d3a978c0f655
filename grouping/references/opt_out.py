"""People who want to be left out: their references, read for one run and kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grouping.errors import InputError
from grouping.execution.face_models import FaceModels
from grouping.people.opt_out import OptOut
from grouping.records import Float32
from grouping.references.people_list import ReferencePerson, load_people
from grouping.references.reference_faces import OnPhoto, ReferenceFaces, reference_faces
from grouping.similarity.impostors import Impostors
from grouping.sources.entries import SourceOptions

# Pairs of strangers, one on each list, that may be taken for one person in so many runs.
FALSE_ALARMS = 1e-3


def load_opt_out(
    path: Path,
    models: FaceModels,
    options: SourceOptions | None = None,
    *,
    workers: int = 0,
    on_photo: OnPhoto | None = None,
) -> tuple[OptOut, tuple[str, ...]]:
    """Read the references of people who want to be left out.

    Args:
        path: a folder or a ``.csv`` file, see :mod:`grouping.references.people_list`.
        models: the networks of the album.
        options: how photos that a table gives by address are fetched.
        workers: processes for many photos.
        on_photo: called as each photo is done, in no particular order.

    Returns:
        The references, and a line for each photo that could not be used, or only with a remark.

    Raises:
        InputError: there is nobody, or no photo of somebody can be used: nobody could be left out.
        ModelError: a checkpoint or device cannot be used.
    """
    people = load_people(path, options)
    found = reference_faces(people, models, workers=workers, on_photo=on_photo)
    check_everybody(people, found)
    return OptOut(found.person, found.faces.embeddings), found.problems


def check_everybody(people: Sequence[ReferencePerson], found: ReferenceFaces) -> None:
    """See to it that everybody who asks to be left out can be.

    Raises:
        InputError: of somebody no photo can be used; says why.
    """
    for place, person in enumerate(people):
        if place not in found.person:
            why = next(line for line in found.problems if line.startswith(f"{person.name}, "))
            raise InputError(
                f"opt-out: no photo of {person.name} can be used ({why}); add one that shows "
                "nobody else, sharp and from the front"
            )


def check_apart(
    known: Sequence[ReferencePerson],
    known_faces: ReferenceFaces,
    opted_out: Sequence[ReferencePerson],
    opted_out_faces: ReferenceFaces,
    impostors: Impostors,
) -> None:
    """See to it that nobody is to be named and to be left out.

    Args:
        known, known_faces: the people to be named.
        opted_out, opted_out_faces: those to be left out.
        impostors: how alike strangers are.

    Raises:
        InputError: one name, one id or one face is on both lists; names both.
    """
    for person in opted_out:
        for other in known:
            same_id = person.id is not None and person.id == other.id
            if same_id or person.name.casefold() == other.name.casefold():
                raise _on_both(other, person, "")
    means = _means(known_faces, len(known)) @ _means(opted_out_faces, len(opted_out)).T
    if not means.size:
        return
    place, other_place = np.unravel_index(int(means.argmax()), means.shape)
    if means.max() >= impostors.similarity(min(1.0, FALSE_ALARMS / means.size)):
        alike = f", whose photos are of one person (cosine {means.max():.2f})"
        raise _on_both(known[int(place)], opted_out[int(other_place)], alike)


def _on_both(known: ReferencePerson, opted_out: ReferencePerson, how: str) -> InputError:
    return InputError(
        f"--people names {known.name} and --opt-out names {opted_out.name}{how}; "
        "take them off one of the two lists"
    )


def _means(faces: ReferenceFaces, count: int) -> Float32:
    """Return (count, d) float32, the mean of the references of each person at unit length."""
    sums = np.zeros((count, faces.faces.embeddings.shape[1]), np.float32)
    np.add.at(sums, faces.person, faces.faces.embeddings)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, 1e-6), np.float32)
