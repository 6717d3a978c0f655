"""Age and gender in the cache."""

import sqlite3

import numpy as np
import pytest

from grouping.records import FaceAttributes
from grouping.storage.cache import Cache
from tests.helpers.cache import digest, result_for
from tests.helpers.old_cache import write_old_cache

FACES = FaceAttributes(np.float32([33.25, np.nan]), np.float32([0.125, np.nan]))


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
