"""Documents of albums are read once, again when they change, and no more than there is room for."""

import os

import numpy as np
import pytest

from grouping import InputError
from grouping.api.albums.album_document import album_documents
from tests.helpers.results.lookup import write_vectors
from tests.helpers.vectors import face_set, hard_vectors


def album(folder, faces=20, seed=0):
    vectors, person = hard_vectors(faces, seed=seed)
    return write_vectors(folder, face_set(vectors), np.unique(person, return_inverse=True)[1])


def test_it_is_read_once_and_again_when_it_changes(tmp_path):
    folder, documents = album(tmp_path / "a"), album_documents()
    first = documents.get(folder)
    assert documents.get(folder) is first
    os.utime(folder / "groups.json", ns=(1, 1))
    assert documents.get(folder) is not first
    assert documents.get(folder) == first
    documents.forget(folder)
    assert len(documents) == 0


def test_what_is_not_there_or_damaged_is_kept_by_nobody(tmp_path):
    folder, documents = album(tmp_path / "a"), album_documents()
    with pytest.raises(InputError, match="cannot be read"):
        documents.get(tmp_path / "b")
    (folder / "groups.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        documents.get(folder)
    assert len(documents) == 0


def test_room_is_bounded_in_photos(tmp_path):
    folders = [album(tmp_path / str(n), seed=n) for n in range(3)]
    photos = len(album_documents().get(folders[0])["images"])
    documents = album_documents(most_images=2 * photos)
    for folder in folders:
        documents.get(folder)
    assert len(documents) == 2
    few = album_documents(most=1, most_images=1)
    assert len(few.get(folders[0])["images"]) == photos
