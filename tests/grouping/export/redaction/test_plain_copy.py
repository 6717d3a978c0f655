import io
import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image, ImageOps

from grouping.errors import DecodeError
from grouping.export.redaction.plain_copy import plain_copy
from tests.helpers.paths import PHOTOS

SECRET = b"GPSecret"
TAKEN = "2026:05:06 07:08:09"


def told(photo: Image.Image, kind: str = "JPEG", orientation: int = 1, **options) -> bytes:
    """A photo whose file tells where, with what and by whom it was taken."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = exif[0x013B] = SECRET.decode()
    exif.get_ifd(0x8769).update({0x9003: TAKEN, 0x9011: "+02:00", 0xA431: SECRET.decode()})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 1.0), 3: "E", 4: (11.0, 34.0, 1.0)})
    encoded = io.BytesIO()
    if kind == "JPEG":
        options = {"comment": SECRET, "xmp": b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>", **options}
    photo.save(encoded, kind, exif=exif, **options)
    return encoded.getvalue()


@pytest.fixture(scope="module")
def photo():
    with Image.open(PHOTOS / "president_obama_1.jpg") as image:
        return image.convert("RGB").resize((333, 217))


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("progressive", [False, True])
def test_the_pixels_of_a_jpeg_stay_to_the_bit_and_turned_as_they_were(
    photo, orientation, progressive
):
    data = told(photo, orientation=orientation, progressive=progressive, restart_marker_rows=2)
    before, after = opened(data), opened(plain_copy(data))
    assert np.array_equal(np.asarray(before), np.asarray(after))
    assert after.getexif()[0x0112] == orientation
    upright = [np.asarray(ImageOps.exif_transpose(image)) for image in (before, after)]
    assert np.array_equal(*upright)


def test_it_tells_nothing_but_when_it_was_taken(photo):
    copy = plain_copy(told(photo))
    assert SECRET not in copy
    exif = opened(copy).getexif()
    assert dict(exif.get_ifd(0x8769)) == {0x9003: TAKEN, 0x9011: "+02:00"}
    assert not exif.get_ifd(0x8825)


@pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exiftool_finds_nothing_in_it(photo, tmp_path, kind):
    path = tmp_path / "copy.jpg"
    path.write_bytes(plain_copy(told(photo, kind)))
    (found,) = json.loads(subprocess.check_output(["exiftool", "-json", "-G1", "-a", path]))
    groups = {name.partition(":")[0] for name in found} - {"SourceFile"}
    assert groups <= {"ExifTool", "System", "File", "JFIF", "IFD0", "ExifIFD", "Composite"}
    tags = {n for n in found if n.startswith(("IFD0", "ExifIFD"))}
    assert tags <= {*("IFD0:Orientation", "ExifIFD:DateTimeOriginal", "ExifIFD:OffsetTimeOriginal")}
    assert "Warning" not in str(found)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_other_formats_become_an_upright_jpeg(photo, kind):
    copy = opened(plain_copy(told(photo, kind, orientation=6)))
    assert copy.format == "JPEG"
    assert copy.size == (217, 333)
    wanted = np.asarray(photo.transpose(Image.Transpose.ROTATE_270), np.float32)
    assert np.abs(np.asarray(copy, np.float32) - wanted).mean() < 8


def test_what_hangs_behind_the_picture_goes(photo):
    film = b"\0\0\0\x18ftypmp42" + SECRET * 100
    data = told(photo) + film
    assert SECRET not in plain_copy(data)
    assert plain_copy(data) == plain_copy(told(photo))


def test_a_colour_profile_stays_and_cmyk_is_kept(photo):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert opened(plain_copy(told(photo, icc_profile=profile))).info["icc_profile"] == profile
    data = told(photo.convert("CMYK"))
    assert np.array_equal(np.asarray(opened(data)), np.asarray(opened(plain_copy(data))))


def test_a_truncated_jpeg_is_written_anew_as_far_as_it_goes(photo):
    data = told(photo)
    copy = plain_copy(data[: int(len(data) * 0.8)])
    assert opened(copy).size == (333, 217)
    assert SECRET not in copy


@pytest.mark.parametrize("data", [b"", b"no photo", b"\xff\xd8\xff\xe1\0\x02", b"<svg/>"])
def test_what_is_no_photo_is_refused(data):
    with pytest.raises(DecodeError):
        plain_copy(data)


def test_damage_is_refused_or_handed_on_as_a_jpeg(photo):
    data = told(photo)
    draw = np.random.default_rng(20)
    for _ in range(150):
        damaged = bytearray(data[: draw.integers(1, len(data) + 1)])
        for place in draw.integers(0, len(damaged), 3):
            damaged[place] = draw.integers(0, 256)
        try:
            copy = plain_copy(bytes(damaged))
        except DecodeError:
            continue
        assert copy.startswith(b"\xff\xd8")
        assert copy.endswith(b"\xff\xd9")
