"""Corrections files written by hand, by programs, by an enemy: entries, or one clear line."""

import json

import numpy as np
from hypothesis import strategies as st

from grouping.corrections.apply import apply_corrections
from grouping.corrections.toml_file import load_corrections, parse_corrections
from grouping.errors import CorrectionsError
from tests.helpers.fuzzing import TEXTS, assert_one_line, damaged, fuzz, short_and_long
from tests.helpers.results.album import face_set

DIGESTS = ["5f" * 32, "9d" * 32, "77" * 32]
BOXES = [[10, 20, 110, 140], [310.5, 42.0, 402.5, 160.0], [11, 21, 111, 141], [5, 8, 64, 80]]
RIGHT = f"""version = 1
[[person]]
name = "Grandma 할머니"
formerly = ["Gran"]
overrides = true
faces = [{{ photo = "{DIGESTS[0]}", box = {BOXES[0]}, file = "a.jpg" }}]
[[must_link]]
faces = [{{ photo = "{DIGESTS[0]}", box = {BOXES[1]} }},
         {{ photo = "{DIGESTS[1]}", box = {BOXES[0]} }}]
[[cannot_link]]  # a remark
faces = [{{ photo = "{DIGESTS[1]}", box = {BOXES[0]} }},
         {{ photo = "{DIGESTS[2]}", box = {BOXES[3]} }}]
[[ignore]]
reason = "stranger"
faces = [{{ photo = "{DIGESTS[2]}", box = {BOXES[3]} }}]
"""
WORDS = [
    *(b"[[person]]\n", b"[[must_link]]\n", b"[person]\n", b"person = [{}]\n", b"faces = []\n"),
    *(b"name = 1\n", b"version = 1\n", b'"""', b"\\u0000", b"nan", b"-inf", b"1e999", b"[" * 3000),
    *(b"1979-05-27T07:32:00Z", b"0x", b"9" * 5000, "name = '\u202e'\n".encode(), b"\xef\xbb\xbf"),
]

# Three faces a photo: those that RIGHT speaks of among them.
FACES = face_set(np.eye(9, dtype=np.float32))
FACES.boxes[:] = np.tile(np.array([BOXES[0], BOXES[1], BOXES[3]], np.float32), (3, 1))
FACES.photo_index[:] = np.repeat(np.arange(3), 3)


def check_entries(parse, *arguments):
    """Entries are what the docstring of the module promises; else the error is one line."""
    try:
        entries = parse(*arguments)
    except CorrectionsError as error:
        assert_one_line(error)
        return "refused"
    assert [entry.line for entry in entries] == sorted(entry.line for entry in entries)
    for entry in entries:
        assert entry.faces
        assert (entry.name is not None) == (entry.kind == "person")
        for face in entry.faces:
            x1, y1, x2, y2 = face.box
            assert -np.inf < x1 < x2 < np.inf
            assert -np.inf < y1 < y2 < np.inf
    return check_applied(entries)


def check_applied(entries):
    """What they mean among faces: links between faces that are there, no contradiction."""
    try:
        applied = apply_corrections(entries, FACES, DIGESTS)
    except CorrectionsError as error:  # boxes that overlap may mean one face of the album
        assert_one_line(error)
        return "refused"
    together = np.arange(len(FACES))
    for a, b in applied.constraints.must_link:
        together[together == together[a]] = together[b]
    for a, b in applied.constraints.cannot_link:
        assert together[a] != together[b]
    for face, name in applied.names.items():
        assert 0 <= face < len(FACES)
        assert name.strip() == name != ""
    return "applied" if applied.names else "empty"


def test_the_file_that_is_damaged_here_is_right():
    entries = parse_corrections(RIGHT)
    assert [entry.kind for entry in entries] == ["person", "must_link", "cannot_link", "ignore"]
    assert not apply_corrections(entries, FACES, DIGESTS).warnings


@short_and_long
def test_damaged_files_are_read_or_refused(cases, tmp_path):
    path = tmp_path / "corrections.toml"

    def check(data):
        path.write_bytes(data)
        return check_entries(load_corrections, path)

    fuzz(cases, check, "applied", "refused", data=damaged([RIGHT.encode()], WORDS))


numbers = st.one_of(st.floats(), st.integers(-(2**70), 2**70))
wild_boxes = st.lists(numbers, min_size=3, max_size=5)
wild_names = st.one_of(st.sampled_from(TEXTS), st.text())
OPTIONS = {
    "formerly": st.lists(st.sampled_from(["Ann", "Ben"]), max_size=2),
    "overrides": st.booleans(),
    "reason": st.sampled_from(["stranger", "not a face", "no"]),
}
FEWEST = {"person": 1, "must_link": 2, "cannot_link": 2, "ignore": 1, "other": 0}


@st.composite
def tables(draw):
    """An entry: its kind and what stands in it; one in four has something odd."""
    odd = draw(st.sampled_from([*[""] * 12, "box", "name", "option", "count"]))
    kind = draw(st.sampled_from([*["person", "must_link", "cannot_link", "ignore"] * 4, "other"]))
    box = wild_boxes if odd == "box" else st.sampled_from(BOXES)
    face = st.fixed_dictionaries({"photo": st.sampled_from(DIGESTS), "box": box})
    fewest = 0 if odd == "count" else FEWEST[kind]
    table = {"faces": draw(st.lists(face, min_size=fewest, max_size=4))}
    if kind == "person":
        table["name"] = draw(wild_names if odd == "name" else st.sampled_from(["Ann", "Ben"]))
    for option in OPTIONS if odd == "option" else ["overrides"]:
        if draw(st.booleans()):
            table[option] = draw(OPTIONS[option])
    return kind, table


def as_toml(value):
    """A value as TOML; JSON strings are TOML strings but for lone surrogates."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {as_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


@short_and_long
def test_entries_of_all_kinds_agree_or_the_lines_that_do_not_are_named(cases):
    def check(entries):
        lines = ["version = 1"]
        for kind, table in entries:
            lines += [f"[[{kind}]]", *(f"{key} = {as_toml(value)}" for key, value in table.items())]
        return check_entries(parse_corrections, "\n".join(lines))

    fuzz(cases, check, "applied", "refused", entries=st.lists(tables(), min_size=1, max_size=4))
