"""What other programs wrote yields to corrections, and to itself."""

import numpy as np
import pytest

from grouping.corrections.apply import apply_corrections
from grouping.corrections.entries import Entry
from grouping.corrections.foreign import without_ignored
from grouping.records import FaceReference
from tests.helpers.vectors import face_set, unit

N = 8
# Faces 0 to 5 are in photos of their own, 6 and 7 in one.
SHAS = [digit * 64 for digit in "0123456"]
LEFT, RIGHT = (0.0, 0.0, 50.0, 50.0), (100.0, 0.0, 150.0, 50.0)


@pytest.fixture
def faces():
    boxes = np.array([LEFT] * 7 + [RIGHT])
    vectors = unit(np.random.default_rng(0).standard_normal((N, 16)))
    return face_set(vectors, boxes=boxes, photo_index=np.array([0, 1, 2, 3, 4, 5, 6, 6], np.int32))


def refer(*numbers):
    return tuple(FaceReference(SHAS[min(n, 6)], RIGHT if n == 7 else LEFT) for n in numbers)


def foreign(number, name=None):
    return Entry("face", 0, refer(number), name, file=f"{number}.jpg.xmp")


def told(kind, *numbers, name=None):
    return Entry(kind, 9, refer(*numbers), name)


def applied(faces, entries, others):
    return apply_corrections(entries, faces, SHAS, others)


def test_names_of_other_programs_are_names(faces):
    result = applied(faces, [], [foreign(0, "Ann"), foreign(1, "Ann"), foreign(2, "Bea")])
    assert result.names == {0: "Ann", 1: "Ann", 2: "Bea"}
    assert result.constraints.must_link.tolist() == [[0, 1]]
    assert result.constraints.cannot_link.tolist() == [[0, 2]]
    assert result.warnings == ()


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([told("person", 0, name="Bea")], "the face is that of Bea"),
        ([told("must_link", 0, 1), told("person", 1, name="Bea")], "the face is that of Bea"),
        (
            [told("cannot_link", 0, 3), told("person", 3, name="Ann")],
            "the corrections say that it is somebody else",
        ),
    ],
)
def test_corrections_win(faces, entries, reason):
    result = applied(faces, entries, [foreign(0, "Ann")])
    assert 0 not in result.names or result.names[0] == "Bea"
    assert result.warnings == (f"0.jpg.xmp: the name Ann is left out, {reason}",)


def test_faces_kept_apart_do_not_get_one_name(faces):
    both = [foreign(0, "Ann"), foreign(1, "Ann")]
    result = applied(faces, [told("cannot_link", 0, 1)], both)
    assert result.names == {0: "Ann"}
    assert [line.split(":")[0] for line in result.warnings] == ["1.jpg.xmp"]


def test_one_name_on_two_faces_of_a_photo_is_believed_of_neither(faces):
    result = applied(faces, [], [foreign(6, "Ann"), foreign(7, "Ann"), foreign(0, "Ann")])
    assert result.names == {0: "Ann"}
    assert len(result.warnings) == 2
    assert "on two faces of the photo" in result.warnings[0]


def test_a_name_that_a_person_gave_to_another_face_of_the_photo_is_left_out(faces):
    result = applied(faces, [told("person", 6, name="Ann")], [foreign(7, "Ann")])
    assert result.names == {6: "Ann"}
    assert "another face of one photo has it" in result.warnings[0]


def test_two_names_for_one_face(faces):
    result = applied(faces, [], [foreign(0, "Ann"), foreign(0, "Bea")])
    assert result.names == {0: "Ann"}
    assert "the face is that of Ann" in result.warnings[0]


def test_what_is_left_out_of_every_group_stays_out(faces):
    others = (foreign(0, "Ann"), foreign(1, "Ann"))
    ignore = told("ignore", 0)
    assert without_ignored(others, [ignore]) == others[1:]
    result = applied(faces, [ignore], others)  # where the box of a face decides, not the reference
    assert result.names == {1: "Ann"}
    assert result.constraints.ignore.tolist() == [0]


def test_chains_of_contradictions_never_raise(faces):
    """Whatever is said on either side, corrections hold and nothing is raised."""
    rng = np.random.default_rng(5)
    for _ in range(300):
        names = rng.choice(["Ann", "Bea", "Cid"], 3, replace=False).tolist()
        a, b, c, d, e = rng.choice(N, 5, replace=False).tolist()
        entries = [told("person", a, name=names[0]), told("must_link", b, c)]
        entries += [told("person", d, name=names[1]), told("cannot_link", c, e)]
        others = [
            foreign(int(n), str(name) if name else None)
            for n, name in zip(
                rng.integers(0, N, 8), rng.choice(["Ann", "Bea", "Cid", ""], 8), strict=True
            )
        ]
        result = applied(faces, entries, others)
        assert result.names[a] == names[0]
        assert result.names[d] == names[1]
        assert not {b, c, e} & {face for face, name in result.names.items() if name is None}
