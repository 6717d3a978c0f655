"""Albums kept open: opened once, again when they change, and no more than there is room for."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from grouping import AlbumIndex, InputError
from grouping.api.albums.opened_albums import opened_albums
from tests.helpers.results.lookup import write_vectors
from tests.helpers.vectors import face_set, hard_vectors


def album(folder, faces=60, seed=0):
    vectors, person = hard_vectors(faces, seed=seed)
    labels = np.where(np.bincount(person)[person] > 1, person, -1)
    labels[labels >= 0] = np.unique(labels[labels >= 0], return_inverse=True)[1]
    return write_vectors(folder, face_set(vectors), labels)


@pytest.fixture
def opened(monkeypatch):
    """Folders that are opened, in their order."""
    seen, usual = [], AlbumIndex.open

    def counted(folder):
        seen.append(folder)
        return usual(folder)

    monkeypatch.setattr(AlbumIndex, "open", counted)
    return seen


def test_it_is_opened_once_and_again_when_it_changes(tmp_path, opened):
    folder, albums = album(tmp_path / "a"), opened_albums()
    first = albums.get(folder)
    assert albums.get(folder) is first
    groups = folder / "groups.json"
    os.utime(groups, ns=(1, 1))
    second = albums.get(folder)
    assert second is not first
    (folder / "corrections.toml").write_text("version = 1\n")
    third = albums.get(folder)
    assert third is not second
    (folder / "corrections.toml").unlink()
    assert albums.get(folder) is not third
    assert len(opened) == 4
    assert len(albums) == 1


def test_threads_wait_for_one_that_opens(tmp_path, opened, monkeypatch):
    folder, albums, usual = album(tmp_path / "a"), opened_albums(), AlbumIndex.open
    monkeypatch.setattr(AlbumIndex, "open", lambda folder: (time.sleep(0.2), usual(folder))[1])
    with ThreadPoolExecutor(8) as pool:
        found = set(map(id, pool.map(lambda _: albums.get(folder), range(16))))
    assert len(found) == len(opened) == 1


def test_what_fails_is_tried_again_and_kept_by_nobody(tmp_path, opened):
    albums = opened_albums()
    for _ in range(2):
        with pytest.raises(InputError):
            albums.get(tmp_path / "a")
    assert len(albums) == 0
    assert len(albums.get(album(tmp_path / "a"))) == 60


def test_a_failure_reaches_all_who_wait(tmp_path, monkeypatch):
    go = threading.Event()

    def fails(folder):
        go.wait(5)
        raise InputError("damaged")

    monkeypatch.setattr(AlbumIndex, "open", fails)
    albums = opened_albums()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(albums.get, tmp_path) for _ in range(4)]
        time.sleep(0.1)
        go.set()
        assert all(isinstance(each.exception(), InputError) for each in asked)


def test_room_is_bounded_in_albums_and_in_faces(tmp_path, opened):
    folders = [album(tmp_path / str(n), seed=n) for n in range(4)]
    few = opened_albums(most=2)
    for folder in folders:
        few.get(folder)
    assert len(few) == 2
    few.get(folders[3])
    assert len(opened) == 4
    few.get(folders[0])
    assert len(opened) == 5
    small = opened_albums(most_faces=100)
    for folder in folders:
        small.get(folder)
    assert len(small) == 1
    assert len(opened_albums(most_faces=1).get(folders[0])) == 60  # however large


def test_an_album_that_was_erased_leaves_the_memory_with_the_next_question(tmp_path):
    import shutil

    one, other, albums = album(tmp_path / "a"), album(tmp_path / "b"), opened_albums()
    albums.get(one)
    albums.get(other)
    shutil.rmtree(one)
    albums.get(other)
    assert len(albums) == 1
    albums.forget(other)
    assert len(albums) == 0


def test_an_album_without_faces_can_be_opened(tmp_path):
    empty = face_set(np.zeros((0, 512), np.float32))
    folder = write_vectors(tmp_path / "a", empty, np.zeros(0, np.int64))
    assert len(opened_albums().get(folder)) == 0
