"""The face that a reference photo means, in real photos."""

import shutil

import numpy as np
import pytest

from grouping.config import GroupingConfig
from grouping.errors import InputError
from grouping.execution.face_models import shared_models
from grouping.execution.outcomes import outcomes_of
from grouping.references.people_list import load_people
from grouping.references.reference_faces import reference_faces
from grouping.sources.photo import LocalPhoto
from tests.helpers.paths import PHOTOS

MODELS = shared_models(GroupingConfig())


def people_in(folder, **photos):
    for name, photo in photos.items():
        (folder / name).mkdir(exist_ok=True, parents=True)
        for number, source in enumerate([photo] if isinstance(photo, str) else photo):
            shutil.copy(PHOTOS / source, folder / name / f"{number}.jpg")
    return load_people(folder)


def test_a_reference_is_the_face_that_a_run_finds_in_the_photo(tmp_path):
    people = people_in(
        tmp_path,
        Biden="president_biden.jpg",
        Obama=["president_obama_1.jpg", "president_obama_2.jpg"],
    )
    found = reference_faces(people, MODELS)
    assert found.person.tolist() == [0, 1, 1]
    assert found.problems == ()
    (seen,) = outcomes_of(MODELS, [LocalPhoto.at(PHOTOS / "president_biden.jpg")])
    assert np.allclose(found.faces.boxes[0], seen.faces.boxes[0], atol=1e-3)
    assert found.faces.embeddings[0] @ seen.faces.embeddings[0] > 0.9999  # other batches round
    assert found.sha256[0] == seen.sha256


def test_photos_that_cannot_be_used_are_said_and_the_others_are_used(tmp_path):
    people = people_in(
        tmp_path, Biden="president_biden.jpg", Both="two_presidents.jpg", Nobody="rocket.jpg"
    )
    (tmp_path / "Broken").mkdir()
    (tmp_path / "Broken" / "a.jpg").write_bytes(b"no picture")
    people = load_people(tmp_path)
    found = reference_faces(people, MODELS)
    assert [people[k].name for k in found.person] == ["Biden"]
    said = {problem.split(",")[0]: problem for problem in found.problems}
    assert "two faces" in said["Both"]
    assert "no face" in said["Nobody"]
    assert "Broken" in said
    assert all("\n" not in problem for problem in found.problems)


def test_one_photo_under_two_names_is_an_error_that_names_both(tmp_path):
    people = people_in(tmp_path, Ann="president_biden.jpg", Joe="president_biden.jpg")
    with pytest.raises(InputError, match="of Ann and of Joe"):
        reference_faces(people, MODELS)


def test_the_same_photo_twice_under_one_name_is_no_contradiction(tmp_path):
    people = people_in(tmp_path, Joe=["president_biden.jpg", "president_biden.jpg"])
    assert reference_faces(people, MODELS).person.tolist() == [0, 0]


def test_a_list_of_which_no_photo_can_be_used_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no photo of known people can be used; Nobody"):
        reference_faces(people_in(tmp_path, Nobody="rocket.jpg"), MODELS)


def test_places_of_photos_are_the_rows(tmp_path):
    people = people_in(
        tmp_path, Obama=["president_obama_1.jpg", "rocket.jpg", "president_obama_3.jpg"]
    )
    found = reference_faces(people, MODELS)
    assert found.faces.photo_index.tolist() == [0, 1]
    assert found.faces.photo_index.dtype == np.int32
