"""Regions of other programs, as entries about the faces of a photo."""

import numpy as np
import pytest

from grouping.corrections.xmp_entries import cleaned_name, entries_of_regions

FACE, OTHER = (100.0, 100.0, 160.0, 180.0), (300.0, 100.0, 360.0, 180.0)
BOXES = np.array([FACE, OTHER], np.float32)


def places(*regions, boxes=BOXES):
    written = [(region, "Ann", "a.xmp") for region in regions]
    return [e.faces[0].box for e in entries_of_regions("a" * 64, written, boxes)]


@pytest.mark.parametrize(
    ("region", "place"),
    [
        (FACE, FACE),
        ((75, 70, 185, 200), FACE),  # the whole head, twice the area and more
        ((110, 110, 150, 150), FACE),  # half the face
        ((150, 100, 210, 180), (150, 100, 210, 180)),  # beside it
        ((0, 0, 400, 300), (0, 0, 400, 300)),  # the whole photo is nobody's face
        ((500, 500, 560, 580), (500, 500, 560, 580)),
    ],
)
def test_a_region_is_the_detected_face_it_fits(region, place):
    assert places(region) == [pytest.approx(place)]


def test_of_two_regions_that_fit_loosely_the_better_one_is_the_face():
    head, body = (75, 70, 185, 200), (60, 60, 200, 240)
    assert places(head, body) == [FACE, body]
    assert places(FACE, head) == [FACE, head]


def test_two_programs_may_have_marked_one_face():
    shifted = tuple(v + 3 for v in FACE)
    found = places(FACE, shifted, OTHER)
    assert found[0] == found[1] == FACE
    assert found[2] == OTHER


def test_without_faces_regions_stay_where_they_are():
    assert places(FACE, boxes=np.zeros((0, 4), np.float32)) == [FACE]
    assert places() == []
    assert places((5, 5, 5, 9)) == []


def test_what_is_said_of_it():
    (entry,) = entries_of_regions("a" * 64, [(FACE, " Ann\n", "album/a.jpg.xmp")], BOXES)
    assert (entry.kind, entry.line, entry.name) == ("face", 0, "Ann")
    assert entry.place == "album/a.jpg.xmp"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("", None),
        (" \t\n", None),
        ("\u200d", None),
        ("a\nb\x00c\u202ed", "a b c d"),
        ("Zoe\u0308", "Zoë"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("x" * 5000, "x" * 200),
        ("<b>&amp;", "<b>&amp;"),
    ],
)
def test_names_are_cleaned(written, name):
    assert cleaned_name(written) == name
