"""A cache is read as it is; what cannot be read is said."""

import sqlite3
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from grouping.errors import CacheError
from grouping.records import FaceSet, PhotoFaces
from grouping.storage.cache import Cache
from grouping.storage.database.reader import read_faces
from grouping.storage.database.rows import EMBEDDING_COLUMNS, checksum
from tests.helpers.vectors import face_set, unit

FACES = face_set(unit(np.random.default_rng(0).standard_normal((3, 64))), [0, 0, 0])
DIGESTS = ["a" * 64, "b" * 64]


@pytest.fixture
def path(tmp_path):
    place = tmp_path / "cache.sqlite"
    with Cache.open(place) as cache:
        for digest in DIGESTS:
            cache.store(PhotoFaces(640, 480, FACES, sha256=digest), "detector", "model")
    return place


def read(path, contents=DIGESTS, detector="detector", model="model"):
    return read_faces(path, contents, detector, model)


def test_what_was_stored_comes_back_in_the_order_asked(path):
    found = read(path, [DIGESTS[1], "c" * 64, DIGESTS[0]])
    assert found.counts.tolist() == [3, 0, 3]
    assert found.faces.photo_index.tolist() == [0, 0, 0, 2, 2, 2]
    for column in ("boxes", "scores", "landmarks", "quality", "measures", "embeddings", "signs"):
        wanted = np.concatenate([getattr(FACES, column)] * 2)
        assert np.array_equal(getattr(found.faces, column), wanted)


def test_other_networks_know_nothing(path):
    assert read(path, model="other").counts.tolist() == [0, 0]
    assert read(path, detector="other").counts.tolist() == [0, 0]
    assert len(read(path, []).faces) == 0


def test_a_row_that_was_damaged_is_absent(path):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE embeddings SET quality = x'00' WHERE sha256 = ?", DIGESTS[:1])
        connection.execute("UPDATE detections SET width = 5 WHERE sha256 = ?", DIGESTS[1:])
    assert read(path).counts.tolist() == [0, 0]


@pytest.mark.parametrize("column", ["boxes", "embeddings", "quality", "signs"])
def test_rows_whose_columns_do_not_go_together(path, column):
    whole = {name: getattr(FACES, name) for name in FaceSet.__dataclass_fields__}
    shorter = {**whole, column: whole[column][:2]}
    odd = SimpleNamespace(**shorter)
    with Cache.open(path) as cache:
        cache.store(
            replace(PhotoFaces(640, 480, FACES, sha256=DIGESTS[0]), faces=odd), "detector", "model"
        )
    with pytest.raises(CacheError, match="is damaged"):
        read(path)


def test_vectors_that_are_not_of_unit_length(path):
    vectors = SimpleNamespace(**{n: getattr(FACES, n) for n in FaceSet.__dataclass_fields__})
    vectors.embeddings = 3 * FACES.embeddings
    with Cache.open(path) as cache:
        cache.store(
            replace(PhotoFaces(1, 1, FACES, sha256=DIGESTS[0]), faces=vectors), "detector", "model"
        )
    with pytest.raises(CacheError, match="is damaged"):
        read(path)


def test_it_is_not_made_where_it_is_not(tmp_path):
    with pytest.raises(CacheError, match="there is no cache"):
        read(tmp_path / "none.sqlite")
    with pytest.raises(CacheError, match="there is no cache"):
        read(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pragma", ["application_id = 5", "user_version = 1", "user_version = 99"])
def test_another_program_or_version(path, pragma):
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA {pragma}")
    with pytest.raises(CacheError, match="another program or version"):
        read(path)


def test_what_a_running_program_has_just_written_is_seen(path):
    with Cache.open(path) as cache:
        cache.store(PhotoFaces(640, 480, FACES, sha256="c" * 64), "detector", "model")
        assert read(path, ["c" * 64]).counts.tolist() == [3]
        assert cache.load("c" * 64, "detector", "model") is not None


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE embeddings RENAME TO other; CREATE VIEW embeddings AS SELECT * FROM other",
        "CREATE TRIGGER t AFTER INSERT ON sources BEGIN DELETE FROM embeddings; END",
    ],
)
def test_a_file_that_holds_what_is_not_ours_is_not_asked(path, statement):
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.executescript(statement)
    with pytest.raises(CacheError, match=r"which is not of this program"):
        read(path)


def test_a_column_that_is_worked_out_takes_no_memory(path):
    columns = "sha256, detector, model, checksum BLOB, signs BLOB, quality BLOB"
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE embeddings")
        connection.execute(
            f"CREATE TABLE embeddings ({columns}, vectors AS (zeroblob(600 * 1024 * 1024)))"
        )
        row = (DIGESTS[0], "detector", "model", b"", b"", b"")
        connection.execute("INSERT INTO embeddings VALUES (?, ?, ?, ?, ?, ?)", row)
    with pytest.raises(CacheError, match="too big"):
        read(path)


def test_text_with_the_right_checksum_is_no_vector(path):
    with sqlite3.connect(path) as connection:
        row = connection.execute(f"SELECT {EMBEDDING_COLUMNS} FROM embeddings").fetchone()
        odd = ("text", *row[1:])
        connection.execute(
            "UPDATE embeddings SET vectors = ?, checksum = ? WHERE sha256 = ?",
            ("text", checksum(DIGESTS[0], "detector", "model", *odd), DIGESTS[0]),
        )
    assert read(path).counts.tolist() == [0, 3]
