"""RAW files: told by their content, read by their preview, upright."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from grouping.errors import DecodeError
from grouping.faces.decoding import decode_photo, photo_size, stored_orientation
from grouping.faces.file_formats.raw import is_raw, raw_preview
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.files import STORED, colour_files, grey_files, turned_file, written
from tests.helpers.photo_files.raw_files import STARTS, dng, maker_file

TURNED = {1: None, 3: STORED[3], 6: STORED[6], 8: STORED[8]}  # what cameras write


def scene(width=1200, height=800):
    with Image.open(PHOTOS / "astronaut.jpg") as photo:
        return photo.convert("RGB").resize((width, height))


def difference(one, other):
    other = other.resize(one.size, Image.Resampling.BOX)
    return np.abs(np.asarray(one, int) - np.asarray(other, int)).mean()


def stored(image, orientation):
    step = TURNED[orientation]
    return image if step is None else image.transpose(step)


@pytest.mark.parametrize("orientation", TURNED)
def test_the_preview_of_a_dng_is_read_upright(orientation):
    picture = stored(scene(), orientation)
    data = dng(picture.resize((300, 200)), preview=picture, orientation=orientation)
    photo = decode_photo(data)
    assert (photo.width, photo.height) == photo.image.size == (1200, 800)
    assert difference(photo.image, scene()) < 6
    assert photo_size(data) == picture.size
    assert stored_orientation(data) == orientation


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("preview", [None, (160, 120)])
def test_where_no_preview_is_large_enough_the_sensor_data_is_developed(orientation, preview):
    picture = stored(scene(), orientation)
    thumbnail = None if preview is None else picture.resize(preview)
    photo = decode_photo(dng(picture, preview=thumbnail, orientation=orientation))
    assert photo.image.size == (600, 400)
    here, there = (
        np.asarray(i.convert("L"), float).ravel() for i in (photo.image, scene(600, 400))
    )
    assert np.corrcoef(here, there)[0, 1] > 0.9


def test_what_the_preview_says_of_itself_counts():
    """Some cameras turn the preview and not the sensor data."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    data = dng(scene(300, 200), preview=scene(), orientation=6, preview_options={"exif": exif})
    assert difference(decode_photo(data).image, scene()) < 6


@pytest.mark.parametrize("kind", STARTS)
def test_files_of_cameras_that_libraw_does_not_know(kind):
    data = maker_file(kind, scene())
    assert is_raw(data)
    photo = decode_photo(data, 600)
    assert photo.image.size == (600, 400)
    assert (photo.width, photo.height) == (1200, 800)
    assert difference(photo.image, scene()) < 6


def test_a_preview_is_found_by_its_size_and_not_its_place():
    small_first = maker_file("raf", scene())
    assert raw_preview(small_first)[0].startswith(b"\xff\xd8\xff")
    assert photo_size(small_first) == (1200, 800)


@pytest.mark.parametrize("kind", STARTS)
def test_a_raw_file_without_any_picture_says_so(kind):
    with pytest.raises(DecodeError, match="RAW file that cannot be read") as caught:
        decode_photo(STARTS[kind].ljust(4096, b"\0"))
    assert "\n" not in str(caught.value)


def test_nothing_else_is_taken_for_raw():
    files = {**colour_files(), **grey_files()}
    assert not [name for name, data in files.items() if is_raw(data)]
    assert not is_raw(turned_file(6, format="TIFF"))
    assert not is_raw(written(scene(), "TIFF", compression="jpeg"))
    for odd in (b"", b"II*\0", b"MM\0*\0\0\0\x08", b"II*\0" + b"\x08\0\0\0" * 4000):
        assert not is_raw(odd)


def test_directories_that_lead_in_circles_end():
    loop = bytearray(dng(scene(64, 48)))
    assert is_raw(bytes(loop))
    entries = b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x4a\x01\x04\0\xff\xff\xff\xff\x08\0\0\0"
    assert not is_raw(entries + b"\x08\0\0\0" * 70_000)
