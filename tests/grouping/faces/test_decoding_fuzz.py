"""Damaged files of every format: decoded, or refused with DecodeError; never anything else."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grouping.errors import DecodeError
from grouping.faces.decoding import decode_photo, photo_size
from tests.helpers.files import colour_files, grey_files, picture
from tests.helpers.raw_files import dng, maker_file

RAW = {
    "dng": dng(picture(), preview=picture()),
    "dng without preview": dng(picture()),
    **{kind: maker_file(kind, picture()) for kind in ("cr2", "cr3", "raf")},
}
FILES = {**colour_files(), **grey_files(), **RAW}
CASES = 200
MANY_CASES = 5000
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


def outcome(data, max_side):
    try:
        return decode_photo(data, max_side)
    except DecodeError as error:
        return str(error)


def use(data, max_side):
    """Whatever the bytes are, one of two outcomes."""
    photo = outcome(data, max_side)
    if isinstance(photo, str):
        assert photo
        assert "\n" not in photo
        return
    assert photo.image.mode == "RGB"
    assert max(photo.image.size) <= (max_side or 10**9)
    assert photo.pixels.shape == (photo.image.height, photo.image.width, 3)
    assert 0 < photo.scale <= 1
    assert sorted(photo_size(data)) == sorted((photo.width, photo.height))


@st.composite
def damaged(draw):
    """A real file, cut off, with bits turned over, bytes dropped or put in."""
    data = bytearray(FILES[draw(st.sampled_from(sorted(FILES)))])
    # Headers decide most, so half of all damage goes there.
    position = st.one_of(st.integers(0, min(600, len(data) - 1)), st.integers(0, len(data) - 1))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(position)
        match draw(st.sampled_from(["flip", "byte", "drop", "insert"])):
            case "flip":
                data[at % len(data)] ^= 1 << draw(st.integers(0, 7))
            case "byte":
                data[at % len(data)] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF]))
            case "drop":
                del data[at : at + draw(st.integers(1, 8))]
            case _:
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
    if draw(st.booleans()):
        del data[draw(position) :]
    return bytes(data)


sides = st.sampled_from([None, 40, 1280])


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=CASES, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(data=damaged(), max_side=sides)
def test_damaged_files_are_decoded_or_refused(data, max_side):
    use(data, max_side)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=CASES, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(start=st.sampled_from([b"", *(f[:12] for f in FILES.values())]), rest=st.binary())
def test_random_bytes_are_refused_or_decoded(start, rest):
    use(start + rest, 40)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=MANY_CASES, deadline=None, suppress_health_check=QUIET)
@given(data=damaged(), max_side=sides)
def test_many_damaged_files_are_decoded_or_refused(data, max_side):
    use(data, max_side)
