"""A second round of corrections on top of the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from grouping.corrections.entries import Entry
from grouping.corrections.overrides import in_download_order
from grouping.corrections.toml_file import load_all_corrections
from grouping.errors import CorrectionsError

OVERRIDES = "overrides = true"


def entry(kind: str, photos: str, *lines: str, name: str = "") -> str:
    """An entry about one face in each of some photos, which are letters from a to f."""
    faces = ", ".join(f'{{ photo = "{p * 64}", box = [0, 0, 50, 50] }}' for p in photos)
    named = [f'name = "{name}"'] if name else []
    return "\n".join([f"[[{kind}]]", *named, *lines, f"faces = [{faces}]", ""])


def drawn(photo: str, *lines: str, name: str = "") -> str:
    """A face that was drawn in a photo."""
    named = [f'name = "{name}"'] if name else []
    where = [f'photo = "{photo * 64}"', "box = [0, 0, 50, 50]"]
    return "\n".join(["[[face]]", *named, *where, *lines, ""])


def read(folder: Path, *rounds: list[str]) -> tuple[Entry, ...]:
    paths = []
    for number, entries in enumerate(rounds):
        paths.append(folder / (f"corrections ({number}).toml" if number else "corrections.toml"))
        paths[-1].write_text("version = 1\n" + "".join(entries))
    return load_all_corrections(in_download_order(paths[::-1]))


def kept(entries: tuple[Entry, ...]) -> list[tuple[str, str | None, str]]:
    return [(e.kind, e.name, "".join(face.photo[0] for face in e.faces)) for e in entries]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        # Renamed; the faces that stand for the person are others by now.
        (
            entry("person", "ab", name="Ann"),
            entry("person", "cd", 'formerly = ["Ann"]', OVERRIDES, name="Anna"),
            [("person", "Anna", "ab"), ("person", "Anna", "cd")],
        ),
        # Renamed twice in one page: it still knows the name before both.
        (
            entry("person", "ab", name="Ann"),
            entry("person", "ab", 'formerly = ["An"]', OVERRIDES, name="Anna"),
            [("person", "Anna", "ab")],
        ),
        # Two named people are one.
        (
            entry("person", "ab", name="Ann") + entry("person", "cd", name="Bea"),
            entry("person", "abcd", 'formerly = ["Bea"]', OVERRIDES, name="Ann"),
            [("person", "Ann", "ab"), ("person", "Ann", "cd"), ("person", "Ann", "abcd")],
        ),
        # A face that stood for a person is somebody else.
        (
            entry("person", "abc", name="Ann"),
            entry("cannot_link", "ab", OVERRIDES),
            [("person", "Ann", "bc"), ("cannot_link", None, "ab")],
        ),
        # One that was put together with another is not.
        (
            entry("must_link", "ab"),
            entry("cannot_link", "ac", OVERRIDES),
            [("cannot_link", None, "ac")],
        ),
        # A named face is none, and one that was left out is a person.
        (
            entry("person", "ab", name="Ann") + entry("ignore", "c"),
            entry("ignore", "a", OVERRIDES) + entry("must_link", "cd", OVERRIDES),
            [("person", "Ann", "b"), ("ignore", None, "a"), ("must_link", None, "cd")],
        ),
        # Kept apart before, one person now.
        (
            entry("cannot_link", "ab") + entry("cannot_link", "ae"),
            entry("must_link", "abc", OVERRIDES),
            [("cannot_link", None, "ae"), ("must_link", None, "abc")],
        ),
        # A face that was drawn is there whoever it is,
        (
            drawn("a", name="Ann") + drawn("b", name="Ann"),
            entry("person", "ac", OVERRIDES, name="Bea"),
            [("face", None, "a"), ("face", "Ann", "b"), ("person", "Bea", "ac")],
        ),
        (
            drawn("a", name="Ann"),
            entry("cannot_link", "ac", OVERRIDES),
            [("face", None, "a"), ("cannot_link", None, "ac")],
        ),
        (
            drawn("a", name="Ann"),
            entry("person", "cd", 'formerly = ["Ann"]', OVERRIDES, name="Anna")
            + drawn("a", OVERRIDES),
            [("face", "Anna", "a"), ("person", "Anna", "cd"), ("face", None, "a")],
        ),
        # until it is said to be none. What was none may be drawn again, with another name.
        (
            drawn("a", name="Ann") + entry("ignore", "b") + entry("person", "c", name="Ann"),
            entry("ignore", "a", OVERRIDES)
            + drawn("b", OVERRIDES)
            + drawn("c", OVERRIDES, name="Bea"),
            [("ignore", None, "a"), ("face", None, "b"), ("face", "Bea", "c")],
        ),
    ],
)
def test_what_is_said_later_holds(
    tmp_path: Path, first: str, second: str, expected: list[tuple[str, str | None, str]]
) -> None:
    assert kept(read(tmp_path, [first], [second])) == expected
    assert kept(read(tmp_path, [first, second])) == expected  # or at the end of the one file


def test_what_does_not_override_contradicts_and_both_files_are_named(tmp_path: Path) -> None:
    first, second = entry("person", "ab", name="Ann"), entry("cannot_link", "ab")
    with pytest.raises(
        CorrectionsError, match=r"corrections \(1\)\.toml line 2 .* corrections\.toml line 2 "
    ):
        read(tmp_path, [first], [second])


def test_files_come_in_the_order_of_their_numbers() -> None:
    names = ["corrections (10).toml", "corrections (2).toml", "corrections.toml"]
    assert [path.name for path in in_download_order(list(map(Path, names)))] == names[::-1]


@pytest.mark.parametrize("line", ["overrides = 1", 'formerly = "Ann"', "formerly = [1]"])
def test_marks_of_another_kind_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(CorrectionsError, match="line 2"):
        read(tmp_path, [entry("person", "a", line, name="Ann")])
