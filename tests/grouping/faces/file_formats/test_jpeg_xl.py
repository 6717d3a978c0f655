"""JPEG XL: the size from the header alone, and the pixels."""

import imagecodecs
import numpy as np
import pytest

from grouping.errors import DecodeError
from grouping.faces.decoding import decode_photo, photo_size
from grouping.faces.file_formats.jpeg_xl import jpeg_xl_size
from tests.helpers.photo_files.files import picture

PIXELS = np.asarray(picture())


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize(
    "size", [(8, 8), (256, 256), (80, 60), (7, 13), (96, 64), (160, 90), (500, 400), (1777, 1000)]
)
def test_the_size_stands_in_the_header(size, container):
    blank = np.zeros((size[1], size[0], 3), np.uint8)
    data = imagecodecs.jpegxl_encode(blank, usecontainer=container)
    assert jpeg_xl_size(data) == size == decode_photo(data).image.size


@pytest.mark.parametrize(
    "pixels",
    [PIXELS, PIXELS.astype(np.uint16) * 257, (PIXELS / 255).astype(np.float32)],
    ids=["8 bits", "16 bits", "floats"],
)
def test_depths_give_the_same_picture(pixels):
    decoded = decode_photo(imagecodecs.jpegxl_encode(pixels, lossless=True)).pixels
    assert np.abs(decoded.astype(int) - PIXELS).max() <= 1


def test_grey_and_transparent_pictures():
    grey = np.asarray(picture().convert("L"))
    decoded = decode_photo(imagecodecs.jpegxl_encode(grey, lossless=True)).pixels
    assert (decoded == grey[:, :, None]).all()
    alpha = np.zeros((*grey.shape, 1), np.uint8)
    data = imagecodecs.jpegxl_encode(np.dstack([PIXELS, alpha]), lossless=True)
    assert (decode_photo(data).pixels == 255).all()  # white paper


def test_of_an_animation_the_first_frame():
    data = imagecodecs.jpegxl_encode(np.stack([PIXELS, 255 - PIXELS]), lossless=True)
    assert np.abs(decode_photo(data).pixels.astype(int) - PIXELS).max() <= 1


def test_too_many_pixels_are_refused_by_the_header():
    """A codestream of 2**30 x 2**30, of which there are sixteen bytes."""
    bits = 0 | (3 << 1) | ((2**30 - 1) << 3) | (1 << 33)
    data = b"\xff\x0a" + bits.to_bytes(14, "little")
    assert photo_size_or_reason(data).endswith("reduce the photo first")


def photo_size_or_reason(data):
    with pytest.raises(DecodeError) as caught:
        photo_size(data)
    return str(caught.value)


@pytest.mark.parametrize("length", [2, 3, 10, 40])
def test_what_ends_too_early_is_damaged(length):
    with pytest.raises(DecodeError, match="damaged"):
        decode_photo(imagecodecs.jpegxl_encode(PIXELS)[:length])


def test_a_container_without_a_codestream():
    box = b"\0\0\0\x0cfree\0\0\0\0"
    with pytest.raises(DecodeError, match="damaged"):
        decode_photo(b"\0\0\0\x0cJXL \r\n\x87\n" + box * 1000)
