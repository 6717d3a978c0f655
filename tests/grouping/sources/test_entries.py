"""Listing folders and accepting what callers hand over."""

import copy
import os
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grouping.errors import DecodeError, FetchError, InputError, SourceError
from grouping.sources.entries import SourceOptions, list_sources, photos_from_entries
from grouping.sources.folders import photos_in_folder
from grouping.sources.photo import LocalPhoto, MemoryPhoto

NAMES = ["가족 사진.jpg", "with space.JPG", "party 🎉.png", "two\nlines.webp", "é.heic"]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def listed(*sources, **options) -> list[Path]:
    return [photo.path for photo in list_sources(sources, **options)]


def test_folders_are_listed_recursively_by_name(tmp_path):
    touch(tmp_path, "b.jpg", "a.jpg", "sub/z.jpg", "sub/deep/y.png", "sub2/x.jpeg", "notes.txt")
    expected = ["a.jpg", "b.jpg", "sub/z.jpg", "sub/deep/y.png", "sub2/x.jpeg"]
    assert listed(tmp_path) == [tmp_path / name for name in expected]


def test_names_in_any_script(tmp_path):
    touch(tmp_path, *NAMES)
    photos = list(list_sources([tmp_path]))
    assert sorted(photo.path.name for photo in photos) == sorted(NAMES)
    assert all(photo.read() == photo.path.name.encode() for photo in photos)


@pytest.mark.skipif(sys.platform == "darwin", reason="the file system refuses such names")
def test_names_that_are_not_utf8(tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.jpg"
    Path(os.fsdecode(raw)).write_bytes(b"photo")
    (photo,) = list_sources([tmp_path])
    assert photo.read() == b"photo"
    assert photo.location.encode("utf-8").endswith(b"caf\\udce9.jpg")
    assert photo.fingerprint().key.encode("utf-8")


def test_hidden_files_and_junk_are_left_out(tmp_path):
    touch(tmp_path, "a.jpg", ".b.jpg", "._a.jpg", ".cache/c.jpg", "@eaDir/d.jpg", "__MACOSX/e.jpg")
    assert listed(tmp_path) == [tmp_path / "a.jpg"]


def test_a_folder_named_outright_may_be_hidden(tmp_path):
    touch(tmp_path, ".private/a.jpg")
    assert listed(tmp_path / ".private") == [tmp_path / ".private" / "a.jpg"]


def test_symlink_loops_end_and_linked_folders_count_once(tmp_path):
    touch(tmp_path, "album/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "album" / "up").symlink_to(tmp_path)
    (tmp_path / "album" / "self").symlink_to("self")
    (tmp_path / "album" / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "album" / "gone.jpg").symlink_to("nowhere.jpg")
    assert sorted(path.name for path in listed(tmp_path / "album")) == ["a.jpg", "b.jpg"]


def test_the_output_folder_is_left_out(tmp_path):
    touch(tmp_path, "a.jpg", "out/groups/person_000.jpg")
    assert listed(tmp_path, out=tmp_path / "out") == [tmp_path / "a.jpg"]
    with pytest.raises(SourceError, match="output folder"):
        listed(tmp_path, out=tmp_path)


def test_results_of_other_runs_in_the_album_are_left_out(tmp_path, caplog):
    album, old = tmp_path / "album", tmp_path / "album" / "old results"
    for path in (album / "a.jpg", old / "faces.png", old / "thumbs" / "b.jpg"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (old / "groups.json").touch()
    assert len(list(photos_in_folder(album))) == 3
    (old / "faces.csv").touch()
    assert list(photos_in_folder(album)) == [album / "a.jpg"]
    assert "results of another run" in caplog.text
    assert len(list(photos_in_folder(old))) == 2  # where it is asked for


def test_a_missing_folder_is_an_error_before_anything_is_read(tmp_path):
    touch(tmp_path, "a.jpg")
    with pytest.raises(SourceError, match="nowhere does not exist"):
        list_sources([tmp_path, tmp_path / "nowhere"])


def test_a_folder_without_photos_is_an_error(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(SourceError, match="holds no photos"):
        list_sources([tmp_path])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(SourceError, match="cannot be read"):
        list_sources([tmp_path / "closed"])


def test_a_file_named_outright_needs_no_suffix(tmp_path):
    touch(tmp_path, "scan", "sub/b.jpg")
    assert listed(tmp_path / "scan", str(tmp_path / "sub")) == [
        tmp_path / "scan",
        tmp_path / "sub" / "b.jpg",
    ]


def test_local_photos_report_why_they_cannot_be_read(tmp_path):
    missing = LocalPhoto.at(tmp_path / "gone.jpg")
    assert missing.fingerprint() is None
    with pytest.raises(FetchError, match="No such file"):
        missing.read()
    with pytest.raises(FetchError, match=r"regular file|Is a directory"):
        LocalPhoto.at(tmp_path).read()
    with pytest.raises(FetchError, match="cannot be read"):
        LocalPhoto.at(Path("a\0b.jpg")).read()


def test_pipes_and_endless_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/zero")):
        with pytest.raises(FetchError, match="regular file"):
            LocalPhoto.at(path).read()


def test_the_size_limit_holds_for_files(tmp_path):
    (tmp_path / "big.jpg").write_bytes(b"x" * 1001)
    with pytest.raises(FetchError, match="limit"):
        LocalPhoto.at(tmp_path / "big.jpg", max_bytes=1000).read()
    assert len(LocalPhoto.at(tmp_path / "big.jpg", max_bytes=1001).read()) == 1001


def test_a_fingerprint_changes_with_the_file_and_not_with_the_way_to_it(tmp_path, monkeypatch):
    touch(tmp_path, "a.jpg")
    before = LocalPhoto.at(tmp_path / "a.jpg").fingerprint()
    monkeypatch.chdir(tmp_path)
    assert LocalPhoto.at(Path("a.jpg")).fingerprint() == before
    os.utime(tmp_path / "a.jpg", ns=(1, 1))
    after = LocalPhoto.at(tmp_path / "a.jpg").fingerprint()
    assert after.key == before.key
    assert after.version != before.version


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
    assert photos[0].pixels is None
    for photo in photos[1:3]:
        np.testing.assert_array_equal(photo.pixels, pixels)
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
    np.testing.assert_array_equal(photo.pixels, np.rot90(pixels, -1))


def test_a_broken_pil_image_is_a_decoding_error():
    encoded = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        encoded, "PNG"
    )
    image = Image.open(BytesIO(encoded.getvalue()[:2000]))
    with pytest.raises(DecodeError):
        _ = MemoryPhoto(0, "<image 0>", image=image).pixels


def test_listing_a_command_line_address_shows_no_secret():
    (photo,) = list_sources(["https://a.example/k.jpg?Signature=abc"], options=SourceOptions())
    assert photo.id == photo.location == "https://a.example/k.jpg?..."
