"""Sizes as people write them."""

import pytest

from grouping.errors import ConfigError
from grouping.memory.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("8G", 8 * 2**30),
        ("500M", 500 * 2**20),
        ("500 mb", 500 * 2**20),
        ("1.5GiB", 3 * 2**29),
        ("2k", 2048),
        ("1T", 2**40),
        ("1000000", 1_000_000),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "G", "-1G", "8X", "1e9", "8GG", "٣G", "1" * 99, "nan", "1,5G"]
)
def test_what_is_no_size(text):
    with pytest.raises(ConfigError, match="write 8G or 500M"):
        parse_size(text)


@pytest.mark.parametrize("size", [1, 2**20, 2**20 + 1, 900 * 2**20, 10 * 2**30, 10 * 2**30 + 1])
def test_what_is_shown_is_enough_and_can_be_given(size):
    assert size <= parse_size(size_text(size)) < size + 2**30
