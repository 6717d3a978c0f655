"""What faces and people seem to be, as groups.json says it."""

import json

import numpy as np

from grouping.people.description.ages import PersonAttributes
from grouping.records import FaceAttributes
from grouping.results.attribute_entries import face_attribute_entries, person_attribute_entry


def test_faces_are_rounded_and_the_score_is_that_of_the_gender_said():
    faces = FaceAttributes(np.float32([33.333, 8.06, np.nan]), np.float32([0.9, 0.25, np.nan]))
    known = face_attribute_entries(faces)
    assert known[:2] == [
        {"age": 33.3, "gender": "male", "gender_score": 0.9},
        {"age": 8.1, "gender": "female", "gender_score": 0.75},
    ]
    assert set(known[2].values()) == {None}


def test_people_are_json_values():
    known = PersonAttributes(33.333, (30.06, 40.0), "female", 2 / 3, 3, False)
    assert json.loads(json.dumps(person_attribute_entry(known))) == {
        "age": 33.3,
        "age_range": [30.1, 40.0],
        "gender": "female",
        "gender_agreement": 0.6667,
        "faces": 3,
        "seems_child": False,
    }
    unknown = PersonAttributes(None, None, None, None, 0, False)
    assert person_attribute_entry(unknown)["age"] is None
