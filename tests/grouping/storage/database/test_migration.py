"""Files of an earlier version are brought up to date in place, and nothing in them is lost."""

import multiprocessing
import sqlite3

import numpy as np
import pytest

from grouping.errors import CacheError
from grouping.records import QUALITY_MEASURES
from grouping.storage.cache import Cache
from grouping.storage.database.connection import MIGRATIONS, SCHEMA_VERSION
from tests.helpers.results.cache import assert_same, digest, result_for
from tests.helpers.results.old_cache import OLD_DETECTOR, OLD_MODEL, write_old_cache

VISIBLE = QUALITY_MEASURES.index("visible")
NAMES = [str(number) for number in range(20)]


@pytest.fixture
def old(tmp_path):
    write_old_cache(tmp_path / "old.sqlite", *map(result_for, NAMES))
    return tmp_path / "old.sqlite"


def rows(path, table):
    with sqlite3.connect(path) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
    connection.close()
    return found


def test_every_row_is_kept_as_it_is(old):
    before = {table: rows(old, table) for table in ("detections", "embeddings")}
    Cache.open(old).close()
    for table, known in before.items():
        after = rows(old, table)
        assert [{key: row[key] for key in known[0]} for row in after] == known
        added = set(after[0]) - set(known[0])
        assert added in ({"rotation", "picture_hash"}, {"signs", "quality"})
        assert all(row[key] is None for row in after for key in added)


def test_faces_come_out_as_far_as_they_were_known(old):
    with Cache.open(old) as cache:
        for name in NAMES:
            known = cache.load_detections(digest(name), OLD_DETECTOR)
            result = result_for(name)
            np.testing.assert_array_equal(known.detections.landmarks, result.faces.landmarks)
            np.testing.assert_array_equal(known.measures[:, :VISIBLE], result.faces.measures[:, :6])
            assert (known.measures[:, VISIBLE] == 1).all()
            assert (known.rotation, known.picture_hash) == (0, b"")
            assert known.warnings == result.warnings


def test_a_photo_without_faces_is_known_too(tmp_path):
    write_old_cache(tmp_path / "old.sqlite", result_for("sky", faces=0))
    with Cache.open(tmp_path / "old.sqlite") as cache:
        known = cache.load_detections(digest("sky"), OLD_DETECTOR)
        assert known.measures.shape == (0, len(QUALITY_MEASURES))


def test_new_results_go_beside_the_old(old):
    for _ in range(2):
        with Cache.open(old) as cache:
            cache.store(result_for("0"), "mtcnn", "small")
            assert_same(cache.load(digest("0"), "mtcnn", "small"), result_for("0"))
            assert cache.load_detections(digest("0"), OLD_DETECTOR) is not None
    assert len(rows(old, "detections")) == len(NAMES) + 1


@pytest.mark.parametrize("column", ["rotation", "picture_hash"])
def test_damage_to_a_new_column_is_noticed(old, column):
    with Cache.open(old) as cache:
        cache.store(result_for("0"), "mtcnn", "small")
    for value in (None, b"\x00" * 32, 180):
        with sqlite3.connect(old) as connection:
            connection.execute(f"UPDATE detections SET {column} = ?", (value,))
        connection.close()
        with Cache.open(old) as cache:
            assert cache.load_detections(digest("0"), "mtcnn") is None
            untouched = value is None
            assert (cache.load_detections(digest("0"), OLD_DETECTOR) is not None) == untouched


def test_an_old_row_is_no_result_of_the_network_that_made_it(old):
    """It lacks the signs; nothing asks for it by its key, and this shows that nothing could."""
    with Cache.open(old) as cache:
        assert cache.load(digest("0"), OLD_DETECTOR, OLD_MODEL) is None


def test_forgetting_reaches_the_old_rows(old):
    with Cache.open(old) as cache:
        cache.erase()
    assert not rows(old, "detections")
    assert not rows(old, "embeddings")


def test_later_versions_are_left_alone(old):
    with sqlite3.connect(old) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = old.read_bytes()
    with pytest.raises(CacheError, match="another program or version"):
        Cache.open(old)
    assert old.read_bytes() == before


def test_there_is_a_way_from_every_earlier_version():
    assert list(MIGRATIONS) == list(range(1, SCHEMA_VERSION))


def _open_all(paths, barrier):
    for path in paths:
        barrier.wait(30)
        Cache.open(path).close()


def test_processes_that_migrate_the_file_at_the_same_moment(tmp_path):
    paths = [tmp_path / f"{number}.sqlite" for number in range(10)]
    for path in paths:
        write_old_cache(path, result_for("a"))
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(3)
    workers = [spawn.Process(target=_open_all, args=(paths, barrier)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert all(len(rows(path, "detections")) == 1 for path in paths)
