"""represent: one file of vectors for any source, from the cache where it can."""

import json
import shutil
import sqlite3

import numpy as np
import pytest

from grouping import Interrupted, represent
from grouping.cli.main import main
from tests.helpers.paths import PHOTOS


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    assert main([str(PHOTOS), "--out", str(out), "--no-plots", "--workers", "0"]) == 0
    return out


def npz(path):
    with np.load(path) as file:
        return {name: file[name] for name in file}


def test_vectors_come_from_the_cache_of_a_run_without_reading_a_photo(
    grouped, tmp_path, monkeypatch
):
    def analyse(*_):
        raise AssertionError("a photo was analysed again")

    monkeypatch.setattr("grouping.execution.workers.photo_worker.analyse_chunk", analyse)
    cache, path = grouped / "cache.sqlite", tmp_path / "new" / "v.npz"
    assert main(["represent", str(PHOTOS), "--out", str(path), "--cache", str(cache)]) == 0
    found = npz(path)
    connection = sqlite3.connect(cache)
    rows = connection.execute("SELECT photo, face, x1, vector, network FROM faces").fetchall()
    connection.close()
    assert len(found["face"]) == len(rows) == 7
    digests = found["sha256"][found["photo_index"]].tolist()
    place = {key: row for row, key in enumerate(zip(digests, found["face"].tolist(), strict=True))}
    for photo, face, x1, vector, network in rows:
        row = place[photo, face]
        assert found["boxes"][row, 0] == x1
        assert found["embeddings"][row].tobytes() == vector
        assert str(found["network_key"]) == network


def test_a_photo_gives_what_the_function_gives(tmp_path, capsys):
    path, photo = tmp_path / "v.npz", PHOTOS / "two_presidents.jpg"
    assert main(["represent", str(photo), "--out", str(path), "--workers", "0"]) == 0
    assert "faces      2" in capsys.readouterr().out
    found = npz(path)
    for row, face in enumerate(represent(photo)):
        np.testing.assert_array_equal(found["embeddings"][row], face.embedding)
        assert found["boxes"][row].tolist() == list(face.box)


def test_json_is_a_line_a_photo(grouped, capsys):
    words = ["represent", str(PHOTOS), "--json", "--cache", str(grouped / "cache.sqlite")]
    assert main(words) == 0
    photos = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(photos) == 7
    two = next(photo for photo in photos if photo["photo"].endswith("two_presidents.jpg"))
    for face, expected in zip(two["faces"], represent(PHOTOS / "two_presidents.jpg"), strict=True):
        wanted = expected.as_dict()
        assert set(wanted) - set(face) == {
            "network",
            "network_key",
            "network_sha256",
            "photo_sha256",
        }
        assert {key for key in wanted if key not in two} == set(face) | {"photo_sha256"}
        np.testing.assert_allclose(face["embedding"], wanted["embedding"], atol=2e-4)


def test_ids_of_a_list_are_kept_and_failures_listed(tmp_path, capsys):
    shutil.copy(PHOTOS / "president_biden.jpg", tmp_path / "b.jpg")
    (tmp_path / "list.csv").write_text("id,url\n41,b.jpg\n42,gone.jpg\n")
    path = tmp_path / "v.npz"
    words = ["represent", str(tmp_path / "list.csv"), "--out", str(path), "--workers", "0"]
    assert main(words) == 3
    captured = capsys.readouterr()
    assert "failed     '" in captured.out
    assert "gone.jpg': cannot be read" in captured.out
    assert "1 of 2 photos failed, more than --max-failures 20 %" in captured.err
    assert main([*words, "--max-failures", "50"]) == 0
    found = npz(path)
    assert found["photo_id"].tolist() == ["41", "42"]
    assert found["photo_id"][found["photo_index"]].tolist() == ["41"]
    assert found["sha256"].tolist()[1] == ""


def test_parquet(grouped, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="an extra: pip install '.[parquet]'")
    cache, path = grouped / "cache.sqlite", tmp_path / "v.parquet"
    assert main(["represent", str(PHOTOS), "--out", str(path), "--cache", str(cache)]) == 0
    vectors = np.array(parquet.read_table(path)["embedding"].to_pylist(), np.float32)
    assert vectors.shape == (7, 512)
    assert (
        main(["represent", str(PHOTOS), "--out", str(tmp_path / "v.npz"), "--cache", str(cache)])
        == 0
    )
    np.testing.assert_array_equal(vectors, npz(tmp_path / "v.npz")["embeddings"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([str(PHOTOS)], "say where the vectors go"),
        ([str(PHOTOS), "--out", "v.csv"], "v.csv must end in .npz or .parquet"),
        ([str(PHOTOS), "--out", "s3://bucket/v.npz"], "is not on this machine"),
        (["nobody", "--out", "v.npz"], "nobody does not exist"),
    ],
)
def test_known_errors_are_one_line_and_come_before_the_work(words, message, capsys, monkeypatch):
    monkeypatch.setattr("grouping.execution.workers.photo_worker.analyse_chunk", None)
    assert main(["represent", *words]) == 1
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert message in line


@pytest.mark.parametrize("cached", [True, False])
def test_who_stops_it_is_told_whether_it_goes_on_from_here(cached, tmp_path, monkeypatch, capsys):
    def stopped(*_):
        raise Interrupted

    monkeypatch.setattr("grouping.execution.collector.PhotoCollector.collect", stopped)
    words = ["represent", str(PHOTOS), "--out", str(tmp_path / "v.npz")]
    words += ["--cache", str(tmp_path / "cache.sqlite")] if cached else []
    assert main(words) == 130
    assert ("goes on from here" in capsys.readouterr().err) == cached
    assert not (tmp_path / "v.npz").exists()
