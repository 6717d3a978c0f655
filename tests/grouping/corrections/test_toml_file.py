"""The corrections file: what is read, what is refused, what it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grouping.corrections.apply import apply_corrections
from grouping.corrections.toml_file import load_corrections, parse_corrections
from grouping.errors import CorrectionsError
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from tests.helpers.vectors import face_set, unit

A, B, C, D = ("".join([digit] * 64) for digit in "abcd")
BOX = [0, 0, 50, 50]


def face(photo: str, box: list[float] | None = None) -> str:
    return f'{{ photo = "{photo}", box = {box or BOX} }}'


def entry(kind: str, *faces: str, **more: str) -> str:
    lines = [f"[[{kind}]]", *(f'{key} = "{value}"' for key, value in more.items())]
    return "\n".join([*lines, f"faces = [{', '.join(faces)}]", ""])


def drawn(photo: str, box: list[float] | None = None, **more: str) -> str:
    lines = [f'{key} = "{value}"' for key, value in {"photo": photo, **more}.items()]
    return "\n".join(["[[face]]", *lines, f"box = {box or BOX}", ""])


def file(*entries: str) -> str:
    return "version = 1\n" + "".join(entries)


def test_the_example_of_the_documentation_is_read() -> None:
    import grouping.corrections.toml_file

    text = grouping.corrections.toml_file.__doc__.split("::\n", 1)[1].split("Rules, in full", 1)[0]
    for short in ("5f2c…", "9d01…", "77ab…", "cc10…"):
        text = text.replace(short, short[:4] * 16)
    entries = parse_corrections(text)
    assert [e.kind for e in entries] == ["person", "must_link", "cannot_link", "ignore", "face"]
    assert entries[0].name == "Grandma"
    assert entries[0].faces[1].box == (310.5, 42.0, 402.5, 160.0)
    assert (entries[4].name, entries[4].faces[0].box) == ("Grandpa", (400, 60, 480, 160))
    lines = text.splitlines()
    assert all(lines[e.line - 1].strip().startswith(f"[[{e.kind}]]") for e in entries)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version = 1\n[[person]\n", "TOML.*line 2"),
        ("", "version = 1"),
        ("version = 2", "version = 1"),
        (file() + "[[persons]]\n", "unknown 'persons'"),
        (file() + "must_link = [{}]", r"\[\[must_link\]\]"),
        (file() + "person = 3", r"\[\[person\]\]"),
        (file(entry("must_link", face(A))), r"line 2.*at least 2"),
        (file(entry("person", face(A))), "line 2.*name"),
        (file(entry("person", face(A), name=" ")), "name"),
        (file(entry("person", face(A), name="a\\nb")), "one line"),
        (file(entry("ignore", face(A), reason="ugly")), "reason"),
        (file(entry("ignore", face(A), nmae="x")), "unknown key 'nmae'"),
        (file(entry("ignore", face("A" * 64))), "64 lower-case"),
        (file(entry("ignore", face("a" * 63))), "64 lower-case"),
        (file(entry("ignore", face(A, [0, 0, 0, 5]))), "x1 < x2"),
        (file(entry("ignore", face(A, [0, 0, 5]))), "four numbers"),
        (file(entry("ignore", '{ photo = "x" }')), "each face"),
        (file(entry("ignore", face(A, [0, 0, 1, 10**400]))), "numbers of pixels"),
        (file(entry("ignore", face(A, [0, 0, 1, 1e39]))), "numbers of pixels"),
        (file() + f"x = {'9' * 5000}", "not valid TOML"),
        (file() + f"x = {'[' * 3000}", "not valid TOML"),
        (file(entry("person", face(A), name="a\\u202Eb")), "visible characters"),
        (file(drawn(A) + "faces = []\n"), "unknown key 'faces'"),
        (file(drawn(A, [5, 5, 5, 9])), r"line 2, \[\[face\]\]: box.*x1 < x2"),
        (file(drawn(A, name="")), "name"),
        (file("[[face]]\nbox = [0, 0, 5, 5]\n"), "each face must be"),
        (file(drawn(A) + "reason = 'not a face'\n"), "unknown key 'reason'"),
        (file(entry("ignore", f'{{ photo = "{A}", box = [0, 0, nan, 5] }}')), "x1 < x2"),
    ],
)
def test_a_broken_file_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(CorrectionsError, match=message) as caught:
        parse_corrections(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entries", "lines"),
    [
        ([entry("must_link", face(A), face(B)), entry("cannot_link", face(B), face(A))], (2, 4)),
        (
            [
                entry("must_link", face(A), face(B)),
                entry("must_link", face(B), face(C)),
                entry("cannot_link", face(A), face(C)),
            ],
            (2, 4, 6),
        ),
        (
            [
                entry("person", face(A), name="x"),
                entry("person", face(A, [1, 1, 50, 50]), name="y"),
            ],
            (2, 5),
        ),
        (
            [
                entry("person", face(A), name="x"),
                entry("person", face(B), name="y"),
                entry("must_link", face(A), face(B)),
            ],
            (2, 5, 8),
        ),
        (
            [
                entry("person", face(A), name="x"),
                entry("cannot_link", face(A), face(B)),
                entry("person", face(B), name="x"),
            ],
            (5, 7),
        ),
        ([entry("ignore", face(A)), entry("must_link", face(A), face(B))], (2, 4)),
    ],
)
def test_a_contradiction_names_the_lines(entries: list[str], lines: tuple[int, ...]) -> None:
    with pytest.raises(CorrectionsError) as caught:
        parse_corrections(file(*entries))
    assert all(str(line) in str(caught.value).replace("[", " ") for line in lines)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CorrectionsError, match=r"gone\.toml"):
        load_corrections(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b"version = 1 # \xff")
    with pytest.raises(CorrectionsError, match="UTF-8"):
        load_corrections(tmp_path / "latin.toml")
    (tmp_path / "사람.toml").write_text(file(entry("person", face(A), name="할머니 👵")), "utf-8")
    assert load_corrections(tmp_path / "사람.toml")[0].name == "할머니 👵"


@pytest.fixture
def people() -> np.ndarray:
    """Two faces each of three people."""
    rng = np.random.default_rng(0)
    centres = unit(rng.standard_normal((3, 64))).repeat(2, axis=0)
    return unit(1.6 * centres + unit(rng.standard_normal((6, 64))))


def test_entries_reach_the_groups(people: np.ndarray) -> None:
    boxes = np.tile([0, 0, 50, 50], (6, 1))
    faces = face_set(people, boxes=boxes)
    shas = [letter * 64 for letter in "012345"]
    plain = group_faces(faces, GroupingRules(threshold=0.4))
    assert sorted(plain.labels) == [0, 0, 1, 1, 2, 2]
    text = file(
        entry("person", face(shas[0]), face(shas[2], [4, 4, 54, 54]), name="Anna"),
        entry("cannot_link", face(shas[2]), face(shas[3])),
        entry("ignore", face(shas[4]), reason="stranger"),
    )
    applied = apply_corrections(parse_corrections(text), faces, shas)
    assert applied.names == {0: "Anna", 2: "Anna"}
    assert applied.warnings == ()
    labels = group_faces(faces, GroupingRules(threshold=0.4), applied.constraints).labels
    assert labels[0] == labels[1] == labels[2] == 0
    assert labels[3:].tolist() == [-1, -1, -1]


def test_drawn_faces_have_names_as_people_do(people: np.ndarray) -> None:
    faces = face_set(people, boxes=np.tile([0, 0, 50, 50], (6, 1)))
    shas = [letter * 64 for letter in "012345"]
    text = file(
        entry("person", face(shas[0]), name="Anna"),
        drawn(shas[2], [4, 4, 54, 54], name="Anna"),
        drawn(shas[4], name="Bea"),
        drawn(shas[5]),
    )
    applied = apply_corrections(parse_corrections(text), faces, shas)
    assert applied.names == {0: "Anna", 2: "Anna", 4: "Bea"}
    assert applied.constraints.must_link.tolist() == [[0, 2]]
    assert applied.constraints.cannot_link.tolist() == [[0, 4]]
    labels = group_faces(faces, GroupingRules(threshold=0.4), applied.constraints).labels
    assert labels[0] == labels[2] != labels[4]


def test_a_drawn_face_that_the_page_took_back_is_nothing_to_speak_of(people: np.ndarray) -> None:
    faces = face_set(people, boxes=np.tile([0, 0, 50, 50], (6, 1)))
    text = file(entry("ignore", face(A, [200, 200, 240, 240])) + "overrides = true\n")
    assert apply_corrections(parse_corrections(text), faces, [A, *"bcdef"]).warnings == ()


def test_what_is_gone_is_a_warning_with_its_line(people: np.ndarray) -> None:
    faces = face_set(people, boxes=np.tile([0, 0, 50, 50], (6, 1)))
    text = file(
        entry("must_link", face(A), face(B)),
        entry("ignore", face(C, [200, 200, 240, 240])),
    )
    shas = [C, None, B, D, D, D]
    applied = apply_corrections(parse_corrections(text), faces, shas)
    assert len(applied.warnings) == 2
    assert "line 2: the photo is not in the album" in applied.warnings[0]
    assert "line 4: the face is not in the album" in applied.warnings[1]
    assert len(applied.constraints.must_link) == len(applied.constraints.ignore) == 0


def test_all_copies_of_a_photo_are_meant(people: np.ndarray) -> None:
    faces = face_set(people, boxes=np.tile([0, 0, 50, 50], (6, 1)))
    shas = [A, A, B, B, C, C]
    text = file(entry("ignore", face(A)), entry("cannot_link", face(B), face(C)))
    links = apply_corrections(parse_corrections(text), faces, shas).constraints
    assert links.ignore.tolist() == [0, 1]
    labels = group_faces(faces, GroupingRules(threshold=-1.0, min_photos=1), links).labels
    assert labels[2] == labels[3] != labels[4]
    assert labels[4] == labels[5]


def test_references_that_overlap_little_may_still_mean_one_face(people: np.ndarray) -> None:
    """Two boxes with an overlap of 0.46, each 0.67 with the one face that is there."""
    faces = face_set(people[:2], boxes=np.array([[10, 0, 60, 50], [0, 0, 50, 50]]))
    text = file(entry("cannot_link", face(A, [0, 0, 50, 50]), face(A, [20, 0, 70, 50])))
    with pytest.raises(CorrectionsError, match="line 2"):
        apply_corrections(parse_corrections(text), faces, [A, B])


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("Jean\u00a0Paul ", "Jean Paul"),
        ("Zoe\u0308", "Zo\u00eb"),  # as a Mac writes it
    ],
)
def test_names_of_every_script_are_read(written: str, name: str) -> None:
    assert parse_corrections(file(entry("person", face(A), name=written)))[0].name == name


def test_an_error_stays_short_whatever_name_it_tells():
    for text in (f"{'9' * 5000} = 1", f"[[ignore]]\n{'x' * 5000} = 1\nfaces = []"):
        with pytest.raises(CorrectionsError) as error:
            parse_corrections(f"version = 1\n{text}")
        assert len(str(error.value)) < 300


def test_very_many_faces_that_are_all_kept_apart_are_refused():
    """They would be millions of pairs."""
    face = f'{{ photo = "{"5f" * 32}", box = [1, 2, 3, 4] }}'
    with pytest.raises(CorrectionsError, match="5000 faces that are all kept apart"):
        parse_corrections(f"version = 1\n[[cannot_link]]\nfaces = [{', '.join([face] * 5000)}]")
