"""Age and gender in the cache."""

import sqlite3

import numpy as np
import pytest

from grouping.records import FaceAttributes
from grouping.storage.cache import Cache
from grouping.storage.database.rows import checksum
from tests.helpers.results.cache import digest, result_for
from tests.helpers.results.old_cache import write_old_cache

NAN = np.float32([np.nan, np.nan]).tobytes()
FACES = FaceAttributes(np.float32([33.25, 8]), np.float32([0.125, 1]))


def test_answers_come_back_bit_by_bit_after_reopening(tmp_path):
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        cache.store_attributes(digest("a"), "mtcnn", "v1", FACES)
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        known = cache.load_attributes(digest("a"), "mtcnn", "v1")
        np.testing.assert_array_equal(known.age, FACES.age)
        np.testing.assert_array_equal(known.male, FACES.male)
        for names in (("b", "mtcnn", "v1"), ("a", "other", "v1"), ("a", "mtcnn", "v2")):
            assert cache.load_attributes(digest(names[0]), *names[1:]) is None


def test_a_damaged_row_counts_as_absent(tmp_path):
    path = tmp_path / "cache.sqlite"
    with Cache.open(path) as cache:
        cache.store_attributes(digest("a"), "mtcnn", "v1", FACES)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE attributes SET age = zeroblob(8)")
    connection.close()
    with Cache.open(path) as cache:
        assert cache.load_attributes(digest("a"), "mtcnn", "v1") is None


@pytest.mark.parametrize(
    ("age", "male"),
    [(b"1", b"1"), (b"12345678", b"1234"), ("33", "1"), (None, None), (1.5, 2), (NAN, NAN)],
)
def test_a_row_of_another_program_counts_as_absent(tmp_path, age, male):
    """Its checksum fits, its values do not."""
    path = tmp_path / "cache.sqlite"
    with Cache.open(path) as cache:
        cache.store_attributes(digest("a"), "mtcnn", "v1", FACES)
    names = (digest("a"), "mtcnn", "v1")
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE attributes")
        connection.execute(
            "CREATE TABLE attributes (sha256, detector, networks, age, male, checksum)"
        )
        values = (*names, age, male, checksum(*names, age, male))
        connection.execute("INSERT INTO attributes VALUES (?, ?, ?, ?, ?, ?)", values)
    connection.close()
    with Cache.open(path) as cache:
        assert cache.load_attributes(*names) is None


def test_what_is_not_to_be_kept_goes_from_here_too(cache):
    for content, detector in (("a", "mtcnn"), ("b", "mtcnn"), ("a", "other")):
        cache.store_attributes(digest(content), detector, "v1", FACES)
    assert sorted(cache.contents()) == sorted([digest("a"), digest("b")])
    cache.keep_only([digest("a")], "mtcnn", "ir50")
    assert cache.load_attributes(digest("a"), "mtcnn", "v1") is not None
    assert cache.load_attributes(digest("b"), "mtcnn", "v1") is None
    assert cache.load_attributes(digest("a"), "other", "v1") is None


@pytest.mark.parametrize("version", [1, 2])
def test_caches_of_earlier_versions_take_answers(tmp_path, version):
    path = tmp_path / "cache.sqlite"
    write_old_cache(path, result_for("a"))
    if version == 2:
        Cache.open(path).close()  # brings it up to date; then back to what version 2 had
        with sqlite3.connect(path) as connection:
            for view in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'view'"):
                connection.execute(f"DROP VIEW {view[0]}")
            connection.execute("DROP TABLE attributes")
            connection.execute("PRAGMA user_version = 2")
        connection.close()
    with Cache.open(path) as cache:
        cache.store_attributes(digest("a"), "mtcnn", "v1", FACES)
        assert cache.load_attributes(digest("a"), "mtcnn", "v1") is not None
        assert cache.forget([]) == []
