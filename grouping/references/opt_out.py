"""People who want to be left out: their references, read for one run and kept nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grouping.errors import InputError
from grouping.execution.collector import OnPhoto
from grouping.execution.face_models import FaceModels
from grouping.people.identify.opt_out import OptOut
from grouping.records import Float32
from grouping.references.known_people import KnownPeople
from grouping.references.people_list import ReferencePerson, left_out_line, load_people
from grouping.references.reference_faces import ReferenceFaces, reference_faces
from grouping.similarity.impostors import Impostors
from grouping.similarity.nearest import nearest_rows
from grouping.sources.entries import SourceOptions
from grouping.sources.file_kinds import LeftOut

# Pairs of strangers, one on each list, that may be taken for one person in so many runs.
FALSE_ALARMS = 1e-3


def load_opt_out(
    path: Path,
    models: FaceModels,
    options: SourceOptions | None = None,
    *,
    workers: int = 0,
    on_photo: OnPhoto | None = None,
) -> KnownPeople:
    """Read the references of people who want to be left out.

    Args:
        path: a folder or a ``.csv`` file, see :mod:`grouping.references.people_list`.
        models: the networks of the album.
        options: how photos that a table gives by address are fetched.
        workers: processes for many photos.
        on_photo: called as each photo is done, in no particular order.

    Raises:
        InputError: there is nobody, or no photo of somebody can be used, who would stay in; a
            video that is called like nobody counts as somebody.
        ModelError: a checkpoint or device cannot be used.
    """
    left_out = LeftOut()
    people = load_people(path, options, everybody=True, left_out=left_out)
    found = reference_faces(people, models, workers=workers, on_photo=on_photo)
    check_everybody(people, found)
    names, ids = tuple(p.name for p in people), tuple(p.id for p in people)
    problems = (*found.problems, *left_out_line(path, left_out))
    return KnownPeople(names, ids, found.person, found.faces, problems)


def references_of(people: KnownPeople) -> OptOut:
    """Return what the album's faces are compared with."""
    return OptOut(people.person, people.faces.embeddings)


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


def check_apart(known: KnownPeople, opted_out: KnownPeople, impostors: Impostors) -> None:
    """See to it that nobody is to be named and to be left out.

    Args:
        known: the people to be named.
        opted_out: those to be left out.
        impostors: how alike strangers are.

    Raises:
        InputError: one name, one id or one face is on both lists; names both.
    """
    place_of = {name.casefold(): place for place, name in enumerate(known.names)}
    of_id = {one: place for place, one in enumerate(known.ids) if one is not None}
    for name, one in zip(opted_out.names, opted_out.ids, strict=True):
        place = place_of.get(name.casefold(), of_id.get(one) if one is not None else None)
        if place is not None:
            raise _on_both(known.names[place], name, "")
    _check_faces_apart(known, opted_out, impostors)


def _check_faces_apart(known: KnownPeople, opted_out: KnownPeople, impostors: Impostors) -> None:
    nearest, similarity = nearest_rows(_means(opted_out), _means(known), 1)
    if not len(similarity):
        return
    place, most = int(similarity[:, 0].argmax()), float(similarity.max())
    pairs = len(known.names) * len(opted_out.names)
    if most >= impostors.similarity(min(1.0, FALSE_ALARMS / max(pairs, 1))):
        alike = f", whose photos are of one person (cosine {most:.2f})"
        name = known.names[int(nearest[place, 0])]
        raise _on_both(name, opted_out.names[place], alike)


def _on_both(known: str, opted_out: str, how: str) -> InputError:
    return InputError(
        f"--people names {known} and --opt-out names {opted_out}{how}; "
        "take them off one of the two lists"
    )


def _means(people: KnownPeople) -> Float32:
    """Return (p, d) float32, the mean of the references of each at unit length; zero for none."""
    sums = np.zeros((len(people.names), people.faces.embeddings.shape[1]), np.float32)
    np.add.at(sums, people.person, people.faces.embeddings)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(lengths, 1e-6), np.float32)
