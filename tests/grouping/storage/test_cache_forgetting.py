"""What is forgotten is gone from every byte of the cache."""

import sqlite3

import pytest

from grouping.errors import CacheError
from grouping.records import Fingerprint
from tests.helpers.results.cache import assert_same, bytes_on_disk, digest, result_for


def test_forgetting_leaves_no_byte(cache, tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"one")
    for name, place in [("one", photo), ("two", tmp_path / "two.jpg")]:
        cache.store(result_for(name), "mtcnn", "small")
        cache.remember(Fingerprint(str(place), "1"), digest(name))
    folder = cache.path.parent
    (folder / "cache.sqlite.damaged-1").write_bytes(b"who knows")
    vectors = {name: result_for(name).faces.embeddings.tobytes() for name in ("one", "two")}
    boxes = result_for("one").faces.boxes.tobytes()
    assert vectors["one"] in bytes_on_disk(folder)

    assert cache.forget([photo, "https://a.example/unknown.jpg"]) == [
        "https://a.example/unknown.jpg"
    ]
    left = bytes_on_disk(folder)
    for trace in (vectors["one"], boxes, digest("one").encode(), str(photo).encode()):
        assert trace not in left
    assert not list(folder.glob("*damaged*"))
    assert_same(cache.load(digest("two"), "mtcnn", "small"), result_for("two"))


def test_a_photo_is_forgotten_under_every_name_and_in_every_version(cache, tmp_path):
    place = str(tmp_path / "a.jpg")
    for name, key in [("new", place), ("old", place), ("new", str(tmp_path / "copy.jpg"))]:
        cache.store(result_for(name), "mtcnn", "small")
        cache.remember(Fingerprint(key, name), digest(name))
    assert cache.forget([place]) == []
    assert cache.load(digest("old"), "mtcnn", "small") is None
    assert cache.content_of(Fingerprint(str(tmp_path / "copy.jpg"), "new")) is None


def test_a_renamed_file_is_forgotten_by_its_content(cache, tmp_path):
    cache.store(result_for("one"), "mtcnn", "small")
    cache.remember(Fingerprint("/earlier/name.jpg", "1"), digest("one"))
    (tmp_path / "now.jpg").write_bytes(b"one")
    assert cache.forget([tmp_path / "now.jpg"]) == []
    assert cache.load(digest("one"), "mtcnn", "small") is None


def test_signed_addresses_are_forgotten_by_their_plain_part(cache):
    cache.store(result_for("one"), "mtcnn", "small")
    cache.remember(Fingerprint("https://a.example/x.jpg?...", None), digest("one"))
    assert cache.forget(["https://a.example/x.jpg?X-Amz-Signature=other"]) == []
    assert cache.load(digest("one"), "mtcnn", "small") is None


def test_erasing_leaves_no_byte(cache):
    for name in ("one", "two"):
        cache.store(result_for(name, faces=40), "mtcnn", "small")
        cache.remember(Fingerprint(f"/secret/{name}.jpg", "1"), digest(name))
    cache.erase()
    left = bytes_on_disk(cache.path.parent)
    for name in ("one", "two"):
        vectors = result_for(name, faces=40).faces.embeddings
        assert not any(row.tobytes() in left for row in vectors)
    assert b"/secret/" not in left
    assert cache.load(digest("one"), "mtcnn", "small") is None


def test_forgetting_says_so_when_another_run_holds_old_pages(cache):
    cache.store(result_for("one"), "mtcnn", "small")
    reader = sqlite3.connect(cache.path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM detections").fetchone()
    cache._connection.execute("PRAGMA busy_timeout = 100")
    with pytest.raises(CacheError, match=r"another run|locked"):
        cache.erase()
    reader.close()
    cache.erase()
