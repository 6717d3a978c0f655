"""Nobody is on two lists, and nobody who asks to be left out stays in for want of a photo."""

from pathlib import Path

import numpy as np
import pytest

from grouping.errors import InputError
from grouping.references import opt_out
from grouping.references.known_people import KnownPeople
from grouping.references.opt_out import check_everybody
from grouping.references.people_list import ReferencePerson
from grouping.references.reference_faces import ReferenceFaces
from grouping.similarity.impostors import Impostors
from grouping.sources.photo import LocalPhoto
from tests.helpers.results.album import face_set

IMPOSTORS = Impostors.of_threshold(0.38)


def person(name: str, id: str | None = None) -> ReferencePerson:
    return ReferencePerson(name, id, (LocalPhoto.at(Path(f"/people/{name}.jpg")),))


def faces_of(*axes: int, owners: list[int] | None = None) -> ReferenceFaces:
    owner = np.array(owners if owners is not None else range(len(axes)), np.int64)
    vectors = np.eye(64, dtype=np.float32)[list(axes)]
    return ReferenceFaces(owner, face_set(vectors), (None,) * len(axes), ())


def people_of(people: list[ReferencePerson], faces: ReferenceFaces) -> KnownPeople:
    names, ids = tuple(p.name for p in people), tuple(p.id for p in people)
    return KnownPeople(names, ids, faces.person, faces.faces)


def check_apart(known, known_faces, gone, gone_faces, impostors):
    opt_out.check_apart(people_of(known, known_faces), people_of(gone, gone_faces), impostors)


def test_two_lists_of_different_people():
    known, gone = [person("Ada"), person("Grace")], [person("Joe")]
    check_apart(known, faces_of(0, 1), gone, faces_of(2), IMPOSTORS)


def test_one_name_on_both_lists():
    with pytest.raises(InputError, match=r"--people names ada and --opt-out names Ada;"):
        check_apart([person("ada")], faces_of(0), [person("Ada")], faces_of(1), IMPOSTORS)


def test_one_id_on_both_lists():
    known, gone = [person("Ada", "7")], [person("Countess Lovelace", "7")]
    with pytest.raises(InputError, match="names Ada and --opt-out names Countess Lovelace"):
        check_apart(known, faces_of(0), gone, faces_of(1), IMPOSTORS)


def test_one_face_on_both_lists():
    known, gone = [person("Ada"), person("Grace")], [person("Joe"), person("G. H.")]
    message = (
        r"names Grace and --opt-out names G. H., whose photos are of one person \(cosine 1.00\)"
    )
    with pytest.raises(InputError, match=message):
        check_apart(known, faces_of(0, 1), gone, faces_of(2, 1), IMPOSTORS)


def test_everybody_has_a_usable_photo():
    people = [person("Joe"), person("Neil")]
    check_everybody(people, faces_of(0, 1))
    without = ReferenceFaces(
        np.zeros(1, np.int64),
        face_set(np.eye(64)[:1]),
        (None,),
        ("Neil, /people/Neil.jpg: not used, no face",),
    )
    with pytest.raises(InputError, match=r"no photo of Neil can be used \(.*no face\)"):
        check_everybody(people, without)
