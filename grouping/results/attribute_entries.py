"""What faces and people seem to be, in the words of the document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from grouping.people.description.ages import MALE
from grouping.records import FaceAttributes
from grouping.results.schema import (
    FaceAttributesEntry,
    FaceEntry,
    GroupEntry,
    PersonAttributesEntry,
)

if TYPE_CHECKING:
    from grouping.people.description.ages import PersonAttributes
    from grouping.results.run_result import GroupingResult

AGE_DIGITS, SHARE_DIGITS = 1, 4


def add_attributes(
    result: GroupingResult, faces: Sequence[FaceEntry], groups: Sequence[GroupEntry]
) -> None:
    """Say of every face and group what it seems to be, where the run was asked to find out."""
    if result.attributes is None:
        return
    of_faces = face_attribute_entries(result.attributes.faces)
    for face, face_seems in zip(faces, of_faces, strict=True):
        face["attributes"] = face_seems
    for group, person in zip(groups, result.people_attributes, strict=True):
        group["attributes"] = person_attribute_entry(person)


def face_attribute_entries(faces: FaceAttributes) -> list[FaceAttributesEntry]:
    """Return one entry a face, rounded."""
    return [_face(*values) for values in zip(faces.age.tolist(), faces.male.tolist(), strict=True)]


def person_attribute_entry(person: PersonAttributes) -> PersonAttributesEntry:
    """Return the entry of a person, rounded."""
    entry = cast(PersonAttributesEntry, asdict(person))
    if person.age is not None and person.age_range is not None:
        entry["age"] = round(person.age, AGE_DIGITS)
        entry["age_range"] = [round(age, AGE_DIGITS) for age in person.age_range]
    if person.gender_agreement is not None:
        entry["gender_agreement"] = round(person.gender_agreement, SHARE_DIGITS)
    return entry


def _face(age: float, male: float) -> FaceAttributesEntry:
    if not (math.isfinite(age) and math.isfinite(male)):
        return {"age": None, "gender": None, "gender_score": None}
    return {
        "age": round(age, AGE_DIGITS),
        "gender": "male" if male >= MALE else "female",
        "gender_score": round(max(male, 1 - male), SHARE_DIGITS),
    }
