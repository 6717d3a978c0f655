"""extract_faces and represent: what a photo may be, and that numbers are those of a real run."""

import json
import sqlite3
import warnings

import numpy as np
import pytest
from PIL import Image

from grouping import (
    GroupingError,
    InputError,
    PhotoError,
    SourceOptions,
    extract_faces,
    represent,
)
from grouping.cli.main import main
from grouping.errors import DecodeError, FetchError
from grouping.sources.web.http_photo import HttpOptions
from tests.helpers.paths import PHOTOS
from tests.helpers.services.servers import FaultyServer, sends

TWO = PHOTOS / "two_presidents.jpg"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A grouping run over one photo: its document, and its cache as a file."""
    out = tmp_path_factory.mktemp("run")
    assert main([str(TWO), "--out", str(out), "--no-plots", "--workers", "0"]) == 0
    return json.loads((out / "groups.json").read_text()), out / "cache.sqlite"


def test_faces_are_those_of_groups_json(run):
    document, _ = run
    (image,) = document["images"]
    faces = extract_faces(TWO)
    assert len(faces) == len(image["faces"]) == 2
    for face, entry in zip(faces, image["faces"], strict=True):
        told = face.as_dict()
        assert told.pop("flaws") == []
        assert told.pop("rotation") == 0
        assert told == {key: entry[key] for key in told}
        assert set(entry) - set(told) == {"face_idx", "group_idx", "similarity", "evidence"}
        json.dumps(face.as_dict(), allow_nan=False)


def test_vectors_are_those_of_the_cache_to_the_bit(run):
    document, cache = run
    faces = represent(TWO)
    query = "SELECT x1, y1, x2, y2, score, quality, network, vector FROM faces ORDER BY face"
    connection = sqlite3.connect(cache)
    rows = connection.execute(query).fetchall()
    connection.close()
    assert len(rows) == len(faces)
    for face, (*numbers, network, vector) in zip(faces, rows, strict=True):
        assert [*face.box, face.score, face.quality] == numbers
        assert face.embedding.astype("<f4").tobytes() == vector
        assert face.network_key == network
        assert face.network == document["model"]["name"]
        assert face.network_sha256 == document["model"]["sha256"]
        assert face.photo_sha256 == document["images"][0]["sha256"]
        assert face.embedding.dtype == np.float32
        assert abs(np.linalg.norm(face.embedding) - 1) < 1e-5
        assert face.as_dict()["embedding"] == face.embedding.tolist()


def test_a_photo_may_come_in_any_form(tmp_path):
    expected = [face.as_dict() for face in extract_faces(TWO)]
    with Image.open(TWO) as image:
        forms = [TWO.read_bytes(), image.copy(), np.asarray(image)]
    forms.append({"id": 7, "url": str(TWO)})
    forms.append(str(TWO))
    forms.append(TWO.as_uri())
    for form in forms:
        faces = extract_faces(form, allow_local=True)
        assert [face.as_dict() for face in faces] == expected


def test_crops_show_the_faces():
    left, right = sorted(extract_faces(TWO), key=lambda face: face.box)
    whole = np.asarray(Image.open(TWO).convert("RGB")).astype(float)
    for face in (left, right):
        assert face.crop.shape == (112, 112, 3)
        assert face.crop.dtype == face.loose_crop.dtype == np.uint8
        height, width, channels = face.loose_crop.shape
        assert height == width
        assert channels == 3
        x1, y1, x2, y2 = face.box
        assert height == pytest.approx(1.6 * max(x2 - x1, y2 - y1), abs=2)
        # The box lies in the middle of the square, unless the photo ends before.
        cx, cy = round((x1 + x2) / 2), round((y1 + y2) / 2)
        middle = whole[cy - 8 : cy + 8, cx - 8 : cx + 8].mean(axis=(0, 1))
        half = height // 2
        seen = face.loose_crop[half - 8 : half + 8, half - 8 : half + 8].mean(axis=(0, 1))
        if face is right:  # neither edge is near
            assert np.abs(middle - seen).max() < 12


def test_a_photo_on_its_side_gives_upright_crops():
    with Image.open(PHOTOS / "president_obama_1.jpg") as image:
        (upright,) = extract_faces(image)
        (face,) = extract_faces(image.rotate(90, expand=True))
    assert face.rotation == 90
    small = [
        np.asarray(Image.fromarray(crop).resize((16, 16), Image.Resampling.BOX)).astype(float)
        for crop in (upright.loose_crop, face.loose_crop)
    ]
    assert np.abs(small[0] - small[1]).mean() < 8
    turned = np.abs(small[0] - np.rot90(small[1])).mean()
    assert turned > 30


def test_no_face_is_an_empty_list():
    assert extract_faces(PHOTOS / "rocket.jpg") == []
    assert represent(PHOTOS / "rocket.jpg") == []
    assert extract_faces(np.zeros((1, 1, 3), np.uint8)) == []


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        (3, "photo is a int"),
        (None, "photo is a NoneType"),
        ("", "photo is a str"),
        ([TWO], "photo is a list"),
        (np.zeros((9, 9), np.uint8), r"\(H, W, 3\) of uint8 RGB, got uint8 of shape \(9, 9\)"),
        (np.zeros((9, 9, 3)), "got float64"),
        (np.zeros((0, 9, 3), np.uint8), "of shape"),
        ({"url": "https://a.example/x.jpg"}, "photo lacks 'id'"),
    ],
)
def test_other_arguments_are_refused(photo, words):
    with pytest.raises(InputError, match=words):
        extract_faces(photo)


@pytest.mark.parametrize(
    ("photo", "kind", "words"),
    [
        (str(TWO), FetchError, "allow_local=True"),
        (TWO.as_uri(), FetchError, "allow_local=True"),
        ("ftp://a.example/x.jpg", FetchError, "ftp:// addresses are not supported"),
        ("http://127.0.0.1:1/x.jpg", FetchError, "private"),
        (PHOTOS / "nobody.jpg", FetchError, "nobody.jpg: cannot be read: No such file"),
        (PHOTOS, FetchError, "photos: "),
        (PHOTOS / "README.md", DecodeError, "README.md: not an image"),
        (b"", DecodeError, "<photo>: "),
        (TWO.read_bytes()[:60], DecodeError, "<photo>: "),
    ],
)
def test_a_photo_that_cannot_be_used_is_one_line(photo, kind, words):
    with pytest.raises(kind, match=words) as caught:
        extract_faces(photo)
    assert isinstance(caught.value, PhotoError)
    assert "\n" not in str(caught.value)


def test_unknown_settings_are_refused():
    with pytest.raises(GroupingError, match="unknown setting 'colour'"):
        extract_faces(TWO, colour="red")


def test_settings_count():
    scores = [face.score for face in extract_faces(TWO)]
    assert len(extract_faces(TWO, min_score=max(scores))) == 1


def test_an_address_is_fetched_once():
    with FaultyServer() as server:
        server.answers["/two.jpg"] = sends(TWO.read_bytes())
        options = SourceOptions(http=HttpOptions(allowed=("127.0.0.1",)))
        faces = represent(server.url("/two.jpg"), options=options)
        assert server.requests["/two.jpg"] == 1
    assert [face.as_dict() for face in faces] == [face.as_dict() for face in represent(TWO)]


def test_the_photo_is_not_changed():
    with Image.open(TWO) as image:
        image.load()
        array = np.array(image)
        before = array.copy()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            extract_faces(array)
        np.testing.assert_array_equal(array, before)
