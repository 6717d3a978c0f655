"""Accepting what callers hand over."""

import copy
import json
import math
from io import BytesIO
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from PIL import Image

from grouping.errors import DecodeError, FetchError, InputError
from grouping.faces.decoding import upright_pixels
from grouping.sources.entries import photos_from_entries
from grouping.sources.listing import list_sources
from grouping.sources.photo import Photo
from tests.helpers.photo_files.folders import touch
from tests.helpers.photo_files.photos import read_or_reason


def test_dictionaries_keep_their_order_and_are_not_changed():
    entries = [
        {"id": 7, "url": "https://a.example/1.jpg", "tag": [1]},
        {"id": 7, "url": "HTTP://b.example/2.jpg"},
    ]
    before = copy.deepcopy(entries)
    photos = photos_from_entries(iter(entries))
    assert [photo.id for photo in photos] == [7, 7]
    assert photos[0].location == "https://a.example/1.jpg"
    assert entries == before


def test_no_entries_give_no_photos():
    assert photos_from_entries([]) == []


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_local_paths_in_dictionaries_need_leave(tmp_path, prefix):
    touch(tmp_path, "a b.jpg")
    entry = {"id": "x", "url": f"{prefix}{tmp_path}/a b.jpg"}
    with pytest.raises(FetchError, match="allow_local=True"):
        photos_from_entries([entry])[0].read()
    assert photos_from_entries([entry], allow_local=True)[0].read() == b"a b.jpg"


def test_file_addresses_are_unquoted(tmp_path):
    touch(tmp_path, "a b.jpg")
    entry = {"id": "x", "url": (tmp_path / "a b.jpg").as_uri()}
    assert "%20" in entry["url"]
    assert photos_from_entries([entry], allow_local=True)[0].read() == b"a b.jpg"


@pytest.mark.parametrize("url", ["ftp://a.example/x.jpg", "data://x", "javascript://x", "\ud800"])
def test_other_addresses_fail_alone(url):
    (photo,) = photos_from_entries([{"id": 1, "url": url}])
    photo.location.encode("utf-8")
    with pytest.raises(FetchError, match="refused"):
        photo.read()


@pytest.mark.parametrize(
    "url", ["http://[bad/x.jpg", "http://exa\u2100mple.com/x.jpg", "file://[bad", "http://a:b:c/"]
)
def test_addresses_that_cannot_be_split_fail_alone(url, tmp_path):
    from grouping.results.album import Album

    touch(tmp_path, "a.jpg")
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps([url, "a.jpg"]))
    given = photos_from_entries([{"id": 1, "url": url}], allow_local=True)
    photos = [*given, *list_sources([listed])]
    for photo in photos[:2]:
        assert isinstance(read_or_reason(photo), str)
    assert photos[2].read() == b"a.jpg"
    image = {"id": 1, "url": photos[0].location, "faces": []}
    album = Album({"images": [image], "groups": []})
    assert album.photo_name(0)
    album.local_path(0)


class OddPhoto(Photo):
    """Raises what nobody foresaw."""

    def _read(self):
        return self.id / 0

    def _fingerprint(self):
        raise UnicodeError


def test_whatever_reading_raises_becomes_the_failure_of_the_photo():
    photo = OddPhoto(1, "x")
    with pytest.raises(FetchError, match="ZeroDivisionError") as caught:
        photo.read()
    assert caught.value.retryable
    assert photo.fingerprint() is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"id": 1}, "lacks 'url'"),
        ({"url": "http://a.example"}, "lacks 'id'"),
        ({"id": 1, "url": None}, "non-empty string"),
        ({"id": 1, "url": ""}, "non-empty string"),
        ("photo.jpg", "is a str"),
        (None, "is a NoneType"),
        (np.zeros((4, 4), np.uint8), "shape"),
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((0, 4, 3), np.uint8), "shape"),
    ],
)
def test_entries_of_another_form_name_their_position(entry, message):
    with pytest.raises(InputError, match=message) as caught:
        photos_from_entries([{"id": 0, "url": "http://a.example/x"}, entry])
    assert "images[1]" in str(caught.value)


@pytest.mark.parametrize("entries", ["photo.jpg", b"bytes", {"id": 1}, Path("a.jpg"), 7, None])
def test_what_is_no_list_of_photos(entries):
    with pytest.raises(InputError, match="a list of photos"):
        photos_from_entries(entries)


def test_images_in_memory(tmp_path):
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    image = Image.fromarray(pixels)
    touch(tmp_path, "a.jpg")
    photos = photos_from_entries([b"bytes", image, pixels, tmp_path / "a.jpg"])
    assert [photo.id for photo in photos] == [0, 1, 2, 3]
    assert photos[0].read() == b"bytes"
    assert photos[0].image is photos[0].array is None
    assert photos[1].image is image
    np.testing.assert_array_equal(photos[2].array, pixels)
    for photo in photos[1:3]:
        with pytest.raises(InputError, match="pixels"):
            photo.read()
    assert photos[3].read() == b"a.jpg"


def test_pil_images_are_turned_upright():
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[:2] = 255
    encoded = BytesIO()
    exif = Image.Exif()
    exif[274] = 6  # the camera was turned: show rotated 90 degrees clockwise
    Image.fromarray(pixels).save(encoded, "PNG", exif=exif)
    (photo,) = photos_from_entries([Image.open(encoded)])
    np.testing.assert_array_equal(upright_pixels(photo.image), np.rot90(pixels, -1))


def test_a_broken_pil_image_is_a_decoding_error():
    encoded = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        encoded, "PNG"
    )
    (photo,) = photos_from_entries([Image.open(BytesIO(encoded.getvalue()[:2000]))])
    with pytest.raises(DecodeError):
        upright_pixels(photo.image)


@pytest.mark.parametrize(
    "odd",
    [math.nan, math.inf, -math.inf, [math.nan], {"a": (1, math.inf)}, np.float32("nan")],
)
def test_an_id_that_no_json_can_hold_is_refused_before_the_work(odd):
    with pytest.raises(InputError, match="JSON does not know"):
        photos_from_entries([{"id": odd, "url": "https://example.org/a.jpg"}])


@pytest.mark.parametrize("id", [1.5, "a", None, (1, "b"), UUID(int=7), np.int64(3), np.float32(2)])
def test_other_ids_are_taken_as_they_are(id):
    (photo,) = photos_from_entries([{"id": id, "url": "https://example.org/a.jpg"}])
    assert photo.id is id
