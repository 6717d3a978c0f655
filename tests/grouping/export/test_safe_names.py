"""Names of people and photos as names of files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grouping.export.safe_names import MAX_BYTES, distinct_name, safe_name


@given(st.text(max_size=300))
def test_safe_names_are_one_component_that_can_be_written(text):
    name = safe_name(text)
    assert 0 < len(name.encode("utf-8")) <= MAX_BYTES
    assert not set(name) & set('/\\:*?"<>|\0\n\r')
    assert name not in {".", ".."}
    assert not name.startswith((".", "-", "~", " "))
    assert not name.endswith((".", " "))


@pytest.mark.parametrize("text", ["", ".", "..", "...", "/", "\0", "con", "NUL.jpg", "COM1", " "])
def test_names_that_systems_reserve_are_changed(text):
    name = safe_name(text)
    assert name.strip("._ /") == "" or name.startswith("_")
    assert name not in {"", ".", ".."}


def test_long_names_keep_their_suffix():
    assert safe_name("김" * 200 + ".jpeg").endswith("김.jpeg")


def test_names_that_differ_in_case_only_are_told_apart():
    taken: set[str] = set()
    names = [distinct_name(n, taken) for n in ("a.JPG", "A.jpg", "a.jpg", "b", "B")]
    assert names == ["a.JPG", "A (2).jpg", "a (3).jpg", "b", "B (2)"]
