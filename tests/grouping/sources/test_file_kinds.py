"""Photos told by their content, and everything else counted by its kind."""

import os

import pytest

from grouping.errors import SourceError
from grouping.faces.decoding import decode_photo
from grouping.sources.file_kinds import LeftOut, kind_by_content, raw_companions
from grouping.sources.listing import list_sources
from grouping.sources.s3_photo import photos_in_bucket
from grouping.storage.s3.client import S3Options
from tests.helpers.photo_files.files import colour_files, grey_files, picture, written
from tests.helpers.photo_files.folders import touch
from tests.helpers.photo_files.raw_files import STARTS, dng, maker_file
from tests.helpers.services.servers import s3_server

VIDEO = b"\0\0\0\x18ftypisom\0\0\0\0"
# These have no signature, or too short a one: their suffix has to say what they are.
BY_NAME = {"tga", "pcx", "sgi", "ppm", "jpeg xl"}


def test_pictures_without_a_suffix_are_told_by_their_content():
    files = {**colour_files(), **grey_files(), "dng": dng(picture())}
    files |= {kind: maker_file(kind, picture()) for kind in STARTS}
    for name, data in files.items():
        expected = "other file" if name in BY_NAME else "photo"
        assert kind_by_content("IMG_0001", data[:32]) == expected, name


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.mp4", VIDEO, "video"),
        ("a", VIDEO, "video"),
        ("a.MOV", b"\0\0\0\x14ftypqt  ", "video"),
        ("a", b"\0\0\0\x08wide", "video"),
        ("a", b"RIFF\0\0\0\0AVI LIST", "video"),
        ("a", b"\x1aE\xdf\xa3", "video"),
        ("a", b"RIFF\0\0\0\0WAVEfmt ", "audio file"),
        ("a.txt", b"hello", "document"),
        ("a", b"%PDF-1.7", "document"),
        ("a.docx", b"PK\x03\x04", "document"),
        ("a", b"PK\x03\x04", "archive"),
        ("a.jpg.xmp", b"<?xpacket", "sidecar"),
        ("a.JSON", b"{}", "sidecar"),
        ("a.psd", b"8BPS", "drawing"),
        ("a", b"BMI is a measure", "other file"),
        ("a", b"", "other file"),
        ("a.xyz", b"RIFF", "audio file"),
        ("a.thm", b"\xff\xd8\xff\xe0", "sidecar"),
        ("a.jpg.part", b"\xff\xd8\xff\xe0", "other file"),
        ("a.jpg_large", b"\xff\xd8\xff\xe0", "photo"),
        ("a.mov", b"\xff\xd8\xff\xe0", "photo"),
    ],
)
def test_kinds(name, head, kind):
    assert kind_by_content(name, head) == kind


def test_a_folder_as_people_have_them(tmp_path):
    jpeg = written(picture(), "JPEG")
    photos = ["a.jpg", "b.DNG", "c", "d.jpg_large", "e.jp", "f.mpo", "g.mov"]
    for name in photos:
        (tmp_path / name).write_bytes(jpeg)
    (tmp_path / "h.tga").write_bytes(written(picture(), "TGA"))
    (tmp_path / "i.jxl").write_bytes(colour_files()["jpeg xl"])
    (tmp_path / "j.NEF").write_bytes(dng(picture(), preview=picture()))
    photos += ["h.tga", "i.jxl", "j.NEF"]
    for name in ("k.mp4", "l.bin", "sub/m.avi"):
        touch(tmp_path, name)
        (tmp_path / name).write_bytes(VIDEO)
    touch(tmp_path, "n.txt", "o.json", ".hidden.mp4", "@eaDir/p.mp4")
    os.mkfifo(tmp_path / "pipe")
    left_out = LeftOut()
    listed = list(list_sources([tmp_path], left_out=left_out))
    assert sorted(photo.path.name for photo in listed) == sorted(photos)
    for photo in listed:
        assert decode_photo(photo.read()).image.size == picture().size, photo.location
    assert left_out.counts == {"video": 3, "document": 1, "sidecar": 1}
    assert str(left_out) == "3 videos, 1 document, 1 sidecar"


def test_a_folder_of_other_files_says_what_they_are(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp4", "c.pdf")
    with pytest.raises(SourceError, match=r"holds no photos \(left out: 2 videos, 1 document\)"):
        list_sources([tmp_path])


@pytest.mark.usefixtures("s3_credentials")
def test_objects_without_a_suffix_are_told_by_their_first_bytes(client, bucket):
    jpeg = written(picture(), "JPEG")
    for key, body in {"a.jpg": jpeg, "f00d": jpeg, "beef": VIDEO, "c.mov": VIDEO, "e": b""}.items():
        client.put_object(Bucket=bucket, Key=key, Body=body)
    left_out = LeftOut()
    photos = photos_in_bucket(
        f"s3://{bucket}", S3Options(endpoint_url=s3_server()), left_out=left_out
    )
    assert [photo.key for photo in photos] == ["a.jpg", "f00d"]
    assert left_out.counts == {"video": 2, "other file": 1}


def test_raw_files_beside_their_pictures():
    places = ["x/A.CR2", "x/a.jpg", "x/b.nef", "y/b.jpg", "x/c.dng", "x/c.heic", "x/c.jpg"]
    assert raw_companions(places) == {0: 1, 4: 5}
