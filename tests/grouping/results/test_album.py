"""A document as reports and exports read it."""

import os
from pathlib import Path

import pytest

from grouping.cli.display.summary import _people
from grouping.errors import FetchError
from grouping.export.people_folders import person_folder
from grouping.report.report import write_report
from grouping.results.album import Album, one_line
from grouping.results.schema import NO_GROUP
from tests.helpers.results.album import album, with_copies


def test_faces_are_found_by_number_person_and_photo():
    document, _ = album([[0, 1], [0, -1]], names={1: "Ann\n"})
    read = Album(document)
    assert [face.photo for face in read.faces_of(0)] == [0, 1]
    assert [face.group for face in read.faces_in(1)] == [0, NO_GROUP]
    assert [face.idx for face in read.strangers()] == [3]
    assert [read.person(0), read.person(1)] == ["Person 000", "Ann"]


def test_of_copies_the_original_is_shown_where_it_is_there():
    document, _ = album([[0], [0], [0], [0]])
    read = Album(with_copies(document, {0: 2, 3: 2}))
    assert [read.original(photo) for photo in range(4)] == [2, None, None, 2]
    assert read.shown_for([0, 1, 2, 3]) == {0: 2, 1: 1, 2: 2, 3: 2}
    assert read.shown_for([3, 0]) == {3: 3, 0: 3}


def test_a_copy_of_something_that_is_not_there_is_a_photo_of_its_own():
    document, _ = album([[0]])
    document["images"][0]["copy_of"] = "nowhere"
    assert Album(document).original(0) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/a/b c.jpg", "/a/b c.jpg"),
        ("file:///a/b%20c.jpg", "/a/b c.jpg"),
        ("b.jpg", os.path.abspath("b.jpg")),
        ("https://a.example/b.jpg", None),
        ("s3://bucket/b.jpg", None),
        (None, None),
    ],
)
def test_only_photos_of_this_machine_have_a_path(url, expected):
    document, _ = album([[0]])
    document["images"][0]["url"] = url
    assert Album(document).local_path(0) == (expected and Path(expected))


def test_a_photo_that_has_changed_is_not_read():
    document, open_photo = album([[0]])
    read = Album(document)
    assert read.read_unchanged(0, open_photo) == open_photo(0)
    with pytest.raises(FetchError, match="has changed"):
        read.read_unchanged(0, lambda _: b"other bytes")


def test_one_line_keeps_letters_and_drops_what_breaks_a_line_or_turns_it_round():
    assert one_line("a\nb\tc\x00\x1b[31m") == "a b c [31m"
    assert one_line("a\ud800b") == "a\ufffdb"  # half of a pair; neither font nor file holds it
    assert one_line("\u202egpj.exe\u2028김 😀") == "gpj.exe 김 😀"


def test_a_person_is_called_the_same_everywhere(tmp_path):
    """Contact sheet, folder and summary; the page is tested in a browser."""
    result, open_photo = album([[0], [0], [1], [1]])
    assert Album(result).person(1) == "Person 001"
    assert [line.split(" " * 3)[0] for line in _people(result["groups"])] == [
        "  Person 000",
        "  Person 001",
    ]
    assert person_folder(Album(result), 1) == "001"
    write_report(result, tmp_path, open_photo, plots=False)
    assert (tmp_path / "groups" / "person_001.jpg").exists()
