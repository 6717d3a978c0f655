"""The page of a look-up shows one person, and nothing of the others in his photos."""

import numpy as np

from grouping import AlbumIndex
from grouping.lookup.ask import ask
from grouping.lookup.found_document import found_document
from grouping.lookup.selfies import Selfie
from grouping.report.report import write_page
from grouping.results.album import Album


def answer(grouped, row):
    index = AlbumIndex.open(grouped.folder)
    return index, ask(index, [Selfie("me.jpg", index.faces.embeddings[row], 1.0)])


def test_photos_of_a_person_and_his_faces_alone(grouped):
    index, found = answer(grouped, int(np.flatnonzero(grouped.result.grouping.labels == 1)[0]))
    document = found_document(found, index.album)
    album = Album(document)
    original = index.album.groups[1]
    assert document["groups"][0]["group_id"] == original["group_id"]
    assert album.person(0) == "Person 001"
    assert sorted(album.faces) == sorted(original["face2_idx_list"])
    assert [image["id"] for image in album.images] == original["image_ids"]
    for photo, image in enumerate(album.images):
        (face,) = album.faces_in(photo)
        assert face.group == 0
        assert image["sha256"] in {i["sha256"] for i in index.album.images}
    assert [face.idx for face in album.faces_of(0)] == [p.face_idx for p in found.photos]


def test_a_face_in_no_group(grouped):
    row = int(np.flatnonzero(grouped.result.grouping.labels < 0)[0])
    index, found = answer(grouped, row)
    album = Album(found_document(found, index.album))
    assert album.person(0) == "Look-up"
    assert list(album.faces) == [row]


def test_nobody(grouped):
    index = AlbumIndex.open(grouped.folder)
    found = ask(index, [Selfie("me.jpg", problem="no face")])
    document = found_document(found, index.album)
    assert (document["groups"], document["images"]) == ([], [])


def test_the_album_itself_is_not_changed(grouped):
    index, found = answer(grouped, 1)
    before = str(index.album.document)
    found_document(found, index.album)
    assert str(index.album.document) == before


def test_the_folder_of_the_page_has_pictures_of_the_person_only(grouped, tmp_path):
    index, found = answer(grouped, int(np.flatnonzero(grouped.result.grouping.labels == 1)[0]))
    document = found_document(found, index.album)
    order = sorted(photo.photo for photo in found.photos)
    page = write_page(document, tmp_path, lambda i: grouped.result.photos[order[i]].read())
    assert page.name == "index.html"
    crops = [path.stem for path in (tmp_path / "thumbs").iterdir() if "-" in path.stem]
    wanted = {image["sha256"][:20] for image in document["images"]}
    assert {name.split("-")[0] for name in crops} == wanted
    boxes = {tuple(map(round, face.box)) for face in Album(document).faces.values()}
    shown = {tuple(map(int, name.removesuffix("-portrait").split("-")[1:])) for name in crops}
    assert shown == boxes
