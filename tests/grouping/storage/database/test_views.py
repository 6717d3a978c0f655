"""What other programs read from a cache, with sqlite alone: equal to what the program says."""

import json
import shutil
import sqlite3
import struct
import subprocess

import numpy as np
import pytest

from grouping.cli.main import main
from grouping.records import PhotoFaces
from grouping.storage.cache import Cache
from grouping.storage.database.connection import SCHEMA_VERSION
from tests.helpers.paths import PHOTOS
from tests.helpers.results.cache import bytes_on_disk, digest, result_for
from tests.helpers.results.old_cache import write_old_cache

COLUMNS = ["photo", "face", "x1", "y1", "x2", "y2", "score", "quality"]
COLUMNS += ["network", "detector", "vector"]


def read(path, query="SELECT * FROM faces ORDER BY photo, face", values=()):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    rows = [dict(row) for row in connection.execute(query, values)]
    connection.close()
    return rows


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    assert main([str(PHOTOS), "--out", str(out), "--no-plots", "--workers", "0"]) == 0
    return out, json.loads((out / "groups.json").read_text())


def test_rows_are_the_faces_of_groups_json(run):
    out, document = run
    rows = read(out / "cache.sqlite")
    assert [list(row) for row in rows] == [COLUMNS] * 7
    seen = {(row["photo"], row["face"]): row for row in rows}
    for image in document["images"]:
        for number, face in enumerate(image["faces"]):
            row = seen.pop((image["sha256"], number))
            box = [row[side] for side in ("x1", "y1", "x2", "y2")]
            assert np.round(box, 2).tolist() == face["box"]
            assert round(row["score"], 4) == face["score"]
            assert round(row["quality"], 4) == face["quality"]
            vector = np.array(struct.unpack("<512f", row["vector"]))
            assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert not seen


def test_vectors_give_the_similarities_of_groups_json(run):
    out, document = run
    vectors = {}
    for row in read(out / "cache.sqlite"):
        vectors[row["photo"], row["face"]] = np.frombuffer(row["vector"], "<f4").astype(float)
    of_face = {
        face["face_idx"]: vectors[image["sha256"], number]
        for image in document["images"]
        for number, face in enumerate(image["faces"])
    }
    compared = 0
    for image in document["images"]:
        for face in image["faces"]:
            for other, similarity in face["evidence"]:
                own = of_face[face["face_idx"]] @ of_face[other]
                assert own == pytest.approx(similarity, abs=1e-4)
                compared += 1
    assert compared >= 10


def test_photos_lead_from_a_path_to_its_faces(run):
    out, _ = run
    query = "SELECT face, x1 FROM faces JOIN photos USING (photo) WHERE place = ? ORDER BY x1"
    place = str((PHOTOS / "two_presidents.jpg").resolve())
    assert len(read(out / "cache.sqlite", query, (place,))) == 2


def test_the_sqlite_program_reads_it(run):
    if not shutil.which("sqlite3"):
        pytest.skip("no program sqlite3 on this machine")
    out, _ = run
    query = "SELECT count(*), min(length(vector)), round(max(quality), 3) FROM faces"
    process = subprocess.run(
        ["sqlite3", "-readonly", str(out / "cache.sqlite"), query],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == "7|2048|1.0"


def test_every_float_comes_out_to_the_last_bit(cache):
    random = np.random.default_rng(0)
    bits = random.integers(0, 2**32, 4000, dtype=np.uint32).view(np.float32)
    special = [0, -0.0, 1, -1, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, -3.4028235e38, 2**-40]
    numbers = np.concatenate([special, bits[np.isfinite(bits)]]).astype(np.float32)
    numbers = numbers[: len(numbers) // 4 * 4].reshape(-1, 4)
    result = result_for("a", faces=len(numbers))
    result.faces.boxes[:] = numbers
    result.faces.quality[:] = numbers[:, 0]
    cache.store(result, "mtcnn", "small")
    rows = read(cache.path)
    found = np.array([[row[side] for side in ("x1", "y1", "x2", "y2")] for row in rows])
    np.testing.assert_array_equal(found, numbers.astype(np.float64))
    np.testing.assert_array_equal([row["quality"] for row in rows], numbers[:, 0])
    vectors = b"".join(row["vector"] for row in rows)
    assert vectors == result.faces.embeddings.astype("<f4").tobytes()


def test_each_network_and_each_detector_has_rows_of_its_own(cache):
    cache.store(result_for("a", faces=2), "mtcnn", "small")
    cache.store(result_for("a", faces=2, dimension=8), "mtcnn", "large")
    cache.store(result_for("a", faces=3), "other", "small")
    cache.store(result_for("empty", faces=0), "mtcnn", "small")
    cache.store(PhotoFaces(sha256=digest("broken")), "mtcnn", "small")
    count = "SELECT network, detector, count(*) AS n, length(vector) AS b FROM faces GROUP BY 1, 2"
    found = {tuple(row.values()) for row in read(cache.path, count)}
    assert found == {
        ("small", "mtcnn", 2, 64),
        ("large", "mtcnn", 2, 32),
        ("small", "other", 3, 64),
    }


def test_an_empty_cache_has_no_rows(cache):
    assert read(cache.path) == []
    assert read(cache.path, "SELECT * FROM photos") == []


def test_one_photo_is_found_by_an_index(cache):
    plan = read(cache.path, "EXPLAIN QUERY PLAN SELECT vector FROM faces WHERE photo = 'x'")
    steps = [row["detail"] for row in plan]
    assert not [step for step in steps if step.startswith(("SCAN e", "SCAN d"))]


def test_what_is_forgotten_is_gone_from_the_views(cache, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"one")
    for name in ("one", "two"):
        cache.store(result_for(name), "mtcnn", "small")
    assert {row["photo"] for row in read(cache.path)} == {digest("one"), digest("two")}
    cache.forget([photo])
    assert {row["photo"] for row in read(cache.path)} == {digest("two")}
    cache.erase()
    assert read(cache.path) == []
    left = bytes_on_disk(cache.path.parent)
    for name in ("one", "two"):
        faces = result_for(name).faces
        assert faces.embeddings.tobytes() not in left
        assert faces.boxes.tobytes() not in left


def as_version_2(path):
    """Make a file what the version before wrote: it had no views."""
    connection = sqlite3.connect(path)
    connection.executescript("DROP VIEW faces; DROP VIEW photos; PRAGMA user_version = 2")
    connection.close()


def test_files_of_version_2_get_the_views_and_keep_every_row(tmp_path):
    path = tmp_path / "cache.sqlite"
    with Cache.open(path) as cache:
        cache.store(result_for("a"), "mtcnn", "small")
    expected = read(path)
    as_version_2(path)
    before = read(path, "SELECT * FROM embeddings")
    with Cache.open(path) as cache:
        assert cache.load(digest("a"), "mtcnn", "small") is not None
    assert read(path) == expected
    assert read(path, "SELECT * FROM embeddings") == before
    assert read(path, "PRAGMA user_version") == [{"user_version": SCHEMA_VERSION}]


def test_vectors_of_version_1_are_not_shown_as_nobody_may_compare_them(tmp_path):
    write_old_cache(tmp_path / "old.sqlite", result_for("a"))
    with Cache.open(tmp_path / "old.sqlite") as cache:
        assert read(cache.path) == []
        cache.store(result_for("a"), "mtcnn", "small")
        assert len(read(cache.path)) == 3
