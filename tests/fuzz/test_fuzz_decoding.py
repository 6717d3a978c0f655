"""Damaged files of every format: decoded, or refused with DecodeError; never anything else."""

import pytest
from hypothesis import strategies as st
from PIL import Image

from grouping.errors import DecodeError
from grouping.faces.decoding import decode_photo, photo_size, stored_orientation
from tests.helpers.fuzzing import assert_one_line, damaged, fuzz, short_and_long
from tests.helpers.photo_files.files import colour_files, grey_files, picture, turned_file
from tests.helpers.photo_files.raw_files import dng, maker_file

TURNED = [turned_file(6, format=format) for format in ("JPEG", "PNG", "WEBP", "TIFF")]
RAW = [
    dng(picture(), preview=picture()),
    dng(picture()),
    *(maker_file(kind, picture()) for kind in ("cr2", "cr3", "raf")),
]
FILES = [*colour_files().values(), *grey_files().values(), *TURNED, *RAW]
# Markers and sizes that decoders take seriously wherever they stand.
WORDS = (
    b"\xff\xd8",
    b"\xff\xc2",
    b"\xff\xda",
    b"\xff\xe1",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
)

pytestmark = pytest.mark.filterwarnings("ignore")
sides = st.sampled_from([None, 40, 1280])


def check(data, max_side):
    """Whatever the bytes are, one of two outcomes."""
    assert 1 <= stored_orientation(data) <= 8
    try:
        photo = decode_photo(data, max_side)
    except DecodeError as error:
        assert_one_line(error)
        return "refused"
    assert photo.image.mode == "RGB"
    assert max(photo.image.size) <= (max_side or 10**9)
    assert photo.pixels.shape == (photo.image.height, photo.image.width, 3)
    assert 0 < photo.scale <= 1
    assert sorted(photo_size(data)) == sorted((photo.width, photo.height))
    return "decoded"


@short_and_long
def test_damaged_files_are_decoded_or_refused(cases):
    fuzz(cases, check, "decoded", "refused", data=damaged(FILES, WORDS), max_side=sides)


@short_and_long
def test_random_bytes_are_refused_or_decoded(cases):
    starts = st.sampled_from([b"", *(file[:12] for file in FILES)])
    data = st.tuples(starts, st.binary()).map(b"".join)
    fuzz(cases, check, "refused", data=data, max_side=sides)


@short_and_long
def test_damaged_exif_never_costs_the_photo(cases):
    """The pixels are whole: whatever stands in Exif, they are decoded."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E], exif[0x0132] = 6, "a description", "2020:01:02 03:04:05"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0comment"

    def check_exif(block):
        data = with_exif(block)
        photo = decode_photo(data)
        assert sorted(photo.image.size) == [64, 96]
        return check(data, 40)

    fuzz(
        cases,
        check_exif,
        "decoded",
        block=damaged([exif.tobytes()], [b"\x12\x01", b"\xff\xff\xff\xff"]),
    )


def with_exif(block):
    """A JPEG file with these bytes in the place of its Exif."""
    plain = colour_files()["jpeg"]
    body = b"Exif\0\0" + block.removeprefix(b"Exif\0\0")[:60_000]
    return plain[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + plain[2:]
