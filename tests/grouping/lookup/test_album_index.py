"""An album is opened with the vectors of its run, and what is missing or wrong is said."""

import json
import os
import random
import shutil
import threading

import numpy as np
import pytest

from grouping import GroupingConfig, InputError
from grouping.execution.face_models import shared_models
from grouping.lookup.album_index import AlbumIndex
from grouping.records import Fingerprint
from grouping.storage.cache import Cache
from tests.helpers.paths import PHOTOS


@pytest.fixture
def folder(grouped, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(grouped.folder, tmp_path / "result")


def change(folder, edit):
    document = json.loads((folder / "groups.json").read_text())
    edit(document)
    (folder / "groups.json").write_text(json.dumps(document))


def test_faces_are_those_of_the_run(grouped):
    index, result = AlbumIndex.open(grouped.folder), grouped.result
    assert index.face_idx.tolist() == list(range(len(result.faces)))
    assert len(index.without_vectors) == 0
    for column in ("photo_index", "boxes", "embeddings", "quality", "signs", "landmarks"):
        assert np.array_equal(getattr(index.faces, column), getattr(result.faces, column))
    assert np.array_equal(index.labels, result.grouping.labels)
    index.check_network(shared_models(GroupingConfig()))


def test_nothing_in_the_folder_is_changed(folder):
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}
    AlbumIndex.open(folder)
    assert {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()} == before


def test_a_folder_that_may_only_be_read(folder):
    for part in folder.iterdir():
        part.chmod(0o400)
    folder.chmod(0o500)
    try:
        assert len(AlbumIndex.open(folder)) == 7
    finally:
        folder.chmod(0o700)


def test_it_is_read_while_a_run_writes(folder):
    with Cache.open(folder / "cache.sqlite") as cache:
        cache.remember(Fingerprint("elsewhere.jpg", "1"), "0" * 64)
        assert len(AlbumIndex.open(folder)) == 7


def test_many_threads_open_it(folder):
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(len(AlbumIndex.open(folder))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [7] * 8


def test_a_cache_elsewhere(folder, tmp_path):
    (folder / "cache.sqlite").rename(tmp_path / "event.sqlite")
    with pytest.raises(
        InputError, match=r"there is no cache .*; group it again without --no-cache"
    ):
        AlbumIndex.open(folder)
    assert not (folder / "cache.sqlite").exists()
    assert len(AlbumIndex.open(folder, tmp_path / "event.sqlite")) == 7


def test_forgotten_photos_are_told(folder):
    photo = PHOTOS / "two_presidents.jpg"
    with Cache.open(folder / "cache.sqlite") as cache:
        cache.forget([photo])
    index = AlbumIndex.open(folder)
    place = next(i for i, image in enumerate(index.album.images) if "two" in image["url"])
    gone = [face["face_idx"] for face in index.album.images[place]["faces"]]
    assert index.without_vectors.tolist() == gone
    assert len(index) == 7 - len(gone)
    assert place not in index.faces.photo_index
    for row, number in enumerate(index.face_idx):
        face = index.album.faces[int(number)]
        assert face.photo == index.faces.photo_index[row]
        assert face.box == pytest.approx(index.faces.boxes[row], abs=0.01)


def test_an_empty_cache(folder):
    with Cache.open(folder / "cache.sqlite") as cache:
        cache.erase()
    with pytest.raises(InputError, match="has no vectors of this album"):
        AlbumIndex.open(folder)


def test_a_damaged_row_is_missing_and_the_rest_is_not(folder):
    import sqlite3

    with sqlite3.connect(folder / "cache.sqlite") as connection:
        connection.execute(
            "UPDATE embeddings SET vectors = zeroblob(length(vectors)) "
            "WHERE rowid = (SELECT min(rowid) FROM embeddings)"
        )
    index = AlbumIndex.open(folder)
    assert len(index.without_vectors) + len(index) == 7
    assert len(index.without_vectors)


@pytest.mark.parametrize(
    "content", [b"", b"no database", b"SQLite format 3\0" + os.urandom(5000)], ids=len
)
def test_a_damaged_cache_is_said_and_left_where_it_is(folder, content):
    (folder / "cache.sqlite").write_bytes(content)
    with pytest.raises(InputError, match="cache"):
        AlbumIndex.open(folder)
    assert (folder / "cache.sqlite").read_bytes() == content
    assert not list(folder.glob("*.damaged*"))


def drop(*keys):
    def edit(document):
        for key in keys[:-1]:
            document = document[key]
        del document[keys[-1]]

    return edit


def put(value, *keys):
    def edit(document):
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        drop("model"),
        drop("model", "sha256"),
        drop("settings"),
        put([], "settings"),
        put("sideways", "settings", "flip"),
        put(17, "groups"),
        put([5], "groups"),
        put(None, "images"),
        put("x", "images", 0, "faces"),
        put(99, "images", 0, "faces", 0, "group_idx"),
        put(-7, "images", 0, "faces", 0, "group_idx"),
        put("a", "images", 0, "faces", 0, "group_idx"),
        put(3, "images", 0, "faces", 0, "face_idx"),
        put([1, 2, 3], "images", 0, "faces", 0, "box"),
        put([1, 2, 3, "x"], "images", 0, "faces", 0, "box"),
        drop("images", 0, "faces", 0, "box"),
        put(5, "groups", 0, "group_idx"),
        put(10**30, "images", 0, "faces", 0, "face_idx"),
        put(0.5, "images", 0, "faces", 0, "face_idx"),
        put([1, 2, 3, float("nan")], "images", 0, "faces", 0, "box"),
        put(7, "groups", 0, "name"),
        put(7, "groups", 0, "group_id"),
        put([0, 99], "groups", 0, "face2_idx_list"),
        put([[1]], "groups", 0, "face2_idx_list"),
        put(99, "groups", 0, "representative_face_idx"),
        put(7, "images", 0, "url"),
        drop("images", 0, "id"),
    ],
)
def test_a_damaged_document(folder, edit):
    change(folder, edit)
    with pytest.raises(InputError, match="damaged"):
        AlbumIndex.open(folder)


def test_any_damage_is_said_or_does_no_harm(folder):
    """Values anywhere in the document, replaced by others that JSON can hold."""
    from grouping.lookup.ask import ask
    from grouping.lookup.found_document import found_document
    from grouping.lookup.selfies import Selfie

    whole = json.loads((folder / "groups.json").read_text())
    selfie = Selfie("me", AlbumIndex.open(folder).faces.embeddings[1], 1.0)
    chance = random.Random(0)
    places = list(paths(whole))
    said = 0
    for _ in range(250):
        document = json.loads(json.dumps(whole))
        *keys, last = chance.choice(places)
        put(chance.choice(ODD), *keys, last)(document)
        (folder / "groups.json").write_text(json.dumps(document))
        try:
            index = AlbumIndex.open(folder)
        except InputError:
            said += 1
            continue
        found = ask(index, [selfie])
        json.dumps(found.as_dict())
        found_document(found, index.album)
    assert 50 < said < 400


ODD = (None, True, -1, 0, 2, 10**40, 1e308, float("inf"), "", "x", "\ud800", [], [[]], {}, {"a": 1})


def paths(value, *before):
    """The place of every value in a document."""
    if before:
        yield before
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, *before, key)
    if isinstance(value, list):
        for place, inner in enumerate(value):
            yield from paths(inner, *before, place)


def test_a_document_that_is_nested_without_end(folder):
    (folder / "groups.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="damaged or something else"):
        AlbumIndex.open(folder)


@pytest.mark.parametrize(
    ("settings", "measured"),
    [
        ({"threshold": 0.31}, None),
        ({"threshold": 0.31, "calibration": {"default": 0.3, "threshold": 0.31}}, 0.3),
        ({"threshold": 0.31, "calibration": {"default": None, "threshold": 0.31}}, None),
        ({"calibration": {"default": "x"}}, None),
        ({"calibration": 5}, None),
    ],
)
def test_what_is_known_of_an_unknown_network(folder, settings, measured):
    index = AlbumIndex.open(folder)
    assert index.measured == 0.38
    index.model["sha256"] = "0" * 64
    index.album.document["settings"] = settings
    assert index.measured == measured


def test_no_album(tmp_path, folder):
    with pytest.raises(InputError, match="no folder of results"):
        AlbumIndex.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"groups\.json cannot be read"):
        AlbumIndex.open(tmp_path)
    (folder / "groups.json").write_text("{")
    with pytest.raises(InputError, match="damaged or something else"):
        AlbumIndex.open(folder)


def test_another_network_is_refused_and_named(folder):
    index = AlbumIndex.open(folder)
    index.check_network(shared_models(index.config))
    index.model["sha256"] = "0" * 64
    with pytest.raises(InputError, match=r"SHA-256 000000000000….*SHA-256 cb3e54cef4f7"):
        index.check_network(shared_models(index.config))
    with pytest.raises(InputError, match="other settings of its network"):
        AlbumIndex.open(folder).check_network(shared_models(GroupingConfig(flip=False)))
