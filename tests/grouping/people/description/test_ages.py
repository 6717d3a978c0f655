"""What people seem to be, over all of their faces."""

import numpy as np
import pytest

from grouping.people.description.ages import people_attributes, weighted_quantiles
from grouping.records import FaceAttributes


def people(labels, ages, males=None, quality=None, picture=None):
    n = len(labels)
    males = [0.9] * n if males is None else males
    faces = FaceAttributes(np.array(ages, np.float32), np.array(males, np.float32))
    quality = np.ones(n, np.float32) if quality is None else np.array(quality, np.float32)
    picture = np.arange(n) if picture is None else np.array(picture)
    return people_attributes(np.array(labels, np.int64), faces, quality, picture)


@pytest.mark.parametrize("count", [1, 2, 3, 10, 101])
def test_with_equal_weights_quantiles_are_hazens(count):
    random = np.random.default_rng(count)
    values, shares = random.normal(size=count), (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
    found = weighted_quantiles(values, np.full(count, 0.3), shares)
    np.testing.assert_allclose(found, np.quantile(values, shares, method="hazen"), atol=1e-12)


def test_more_weight_draws_a_quantile_to_its_value():
    values = np.array([10.0, 20.0, 30.0])
    medians = [weighted_quantiles(values, np.array([1, 1, w]), (0.5,))[0] for w in (0.1, 1, 5, 99)]
    assert medians == sorted(medians)
    assert medians[1] == 20
    assert medians[-1] > 29


def test_each_person_has_the_median_of_the_own_faces():
    first, second = people([0, 1, 0, -1, 1, 0], [30, 8, 40, 99, 10, 35])
    assert (first.age, second.age) == (35, 9)
    assert first.age_range == pytest.approx(np.quantile([30, 35, 40], [0.25, 0.75], method="hazen"))
    assert (first.faces, second.faces) == (3, 2)
    assert (first.seems_child, second.seems_child) == (False, True)


@pytest.mark.parametrize(("age", "child"), [(12.9, True), (13.0, False)])
def test_who_seems_under_13_seems_a_child(age, child):
    assert people([0], [age])[0].seems_child is child


def test_blurred_faces_have_little_say():
    (person,) = people([0] * 4, [5, 5, 5, 40], [0.1, 0.1, 0.1, 0.9], quality=[0.1, 0.1, 0.1, 0.9])
    assert person.gender == "male"
    assert person.gender_agreement == pytest.approx(0.75)
    assert person.age > 25


def test_faces_without_any_quality_say_what_can_be_said():
    (person,) = people([0, 0], [20, 30], quality=[0, 0])
    assert (person.age, person.faces) == (25, 2)


def test_copies_of_a_picture_have_one_say_together():
    (person,) = people(
        [0] * 5, [10, 10, 10, 30, 40], [0.1, 0.1, 0.1, 0.9, 0.9], picture=[7, 7, 7, 1, 2]
    )
    assert person.age == 30
    assert person.gender_agreement == pytest.approx(2 / 3)


def test_unknown_faces_have_no_say_and_unknown_people_are_none():
    nan = float("nan")
    known, unknown = people([0, 0, 1], [50, nan, nan], [0.2, nan, nan])
    assert (known.age, known.gender, known.faces) == (50, "female", 1)
    assert (unknown.age, unknown.age_range, unknown.gender, unknown.faces) == (None, None, None, 0)
    assert unknown.seems_child is False


def test_faces_of_two_minds_have_no_gender():
    (person,) = people([0, 0], [30, 30], [0.1, 0.9])
    assert (person.gender, person.gender_agreement) == (None, 0.5)


def test_nobody():
    assert people([], []) == ()
    assert people([-1, -1], [3, 4]) == ()
