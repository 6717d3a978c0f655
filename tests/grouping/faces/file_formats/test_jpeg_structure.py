"""JPEG files counted before they are decoded; Pillow and libjpeg are the reference."""

import base64
import io
import time

import numpy as np
import pytest
from PIL import Image

from grouping.errors import DecodeError
from grouping.faces.decoding import decode_photo
from grouping.faces.file_formats.jpeg_structure import MAX_SCANS, jpeg_structure
from tests.helpers.photo_files.files import picture, written

# The picture, coded arithmetically: made once by ``jpegtran -arithmetic`` of libjpeg-turbo.
ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4R"
    "DgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU"
    "FBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/yQARCABAAGADASIAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIR"
    "AxEAPwD/AO01wxjnO94ef7tgnDTmWi+mNyHgAVUTKNWmQ7l5lZbIqLLKUVUNgJ2AbLADm9GmhV7xJrHdfLAmbl5x"
    "6wCeIbqKfAG6N4MoKzhPykki4XF08TY9XCVrx0rleFGHZdyUrH5YtE3+9M1bWILCWFj8jdGe1CmPa9dCH6SbgAwb"
    "i9Fca/idmsBpLTaZ8zfDjWxJT6xsHKpW+4dJlQFcyFavHV7D4UFIYZ8x70/SqZ9Z2wjxa2DbVDYqIYYdTwep87tW"
    "hwlzcD+D9tAfPJp43R+cLDNgLdpGcf1KZp2QrSyzEeKNPtEW9QkMHfDOFsZ4BiRDkyF2B9PTF3Fgbkb+CI5MyrvB"
    "vcqNXdJ93ICEJJ/AWRwk/T8ax8hP/amUvEaOtCU7vL+0tlgfUYnGjG9vc9rIFcBkr5ox0/QWBZzYJHuKKP7TyfoZ"
    "ahLz/wB9983Zw9l7sTwQAPpn1Fo4ttns98d6SSSvWRIt0czus04lTFQ9S/s/Ieafr8SS/wC93v75P3BLA0QWCkgR"
    "h7GkTYmpNRRF/urwSPy1Q+k9TbY00VDcggZ2rqLFjDaTJIaJWVOra0l+utCTW9eOx+0PhTrfl8SLhpMLfEnkgx7I"
    "R21bwoZrzRiiY9xKOIf9f5hDc8YO5KLuUEBftFv5WrMhqrGe/9k="
)
PROGRESSIVE_ARITHMETIC = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4R"
    "DgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU"
    "FBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/ygARCABAAGADASIAAhEBAxEB/8wABgAQARD/2gAMAwEAAhADEAAA"
    "Af8A2mtP2KY2elZ52EbALCUkxK4s0TBapK+pzu1SlBmk07qYef4bL7ojaNqQZLQhNbexCSE08RqGDUaXD5MwC2i9"
    "gApvynFs0I3McgzwQVEiV+z/AKLiU64m979yRIWKVXpfMyZnVHdvr38OwwDrvXiAfC6buj3v9YR0IP/MAAQQBf/a"
    "AAgBAQABBQIejdLUv7HyxCtD2hvmOdNVMtQ8YEjiglMrmSa25Y74VefH3g2cLfbabKfRoz7yvlRwFVLIChSiZ+Mk"
    "TG+5OaSMarlKfkgP7aooCJzf6UG9vqVSRlD/zAAEEQX/2gAIAQMBAT8BF7noi7OFqAW9eOQSRzmYos3JOuGS5HMp"
    "8BSH54C3QP/MAAQRBf/aAAgBAgEBPwEVKkHDgzHdNyk5cfADA2mHzGAlxJiy/fZCdOD7DAPAZzC5bnsCupj850cu"
    "SXQ821pUp9oSfyFk/8wABBAF/9oACAEBAAY/Aqj/zAAEEAX/2gAIAQEAAT8h00c3wqM34jjtKblnROBgOhfz9iH8"
    "VUpRAklEU08iMP/aAAwDAQACAAMAAAAQD3eBF9cND0ryoHhit7DakibI/8wABBEF/9oACAEDAQE/EExBh/df4zmk"
    "JnhQs2rDuXq8N/mAxYqAjP/MAAQRBf/aAAgBAgEBPxDq2n/kBO3R6UTQ1i/Mz4QDit0s302NS8h+8SL24P/MAAQQ"
    "Bf/aAAgBAQABPxCzVXXu0hy3JTMjLaGuAO1Ox76DzjM7tMPAFByPOMiF8UQwKGVqrR9Q/OI7Di/k2084wmAwnUqA"
    "Gch2wdvQ889dwvjWrahpXUik9XnJxmYutcRSCNNA9WSqxljA/9k="
)


def many_scans(side, count):
    """A progressive JPEG of a grey square, whose last scan is repeated."""
    data = written(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    start = data.rindex(b"\xff\xda")
    return data[:start] + data[start:-2] * count + data[-2:]


@pytest.mark.parametrize(
    ("options", "samples"),
    [
        ({"subsampling": 0}, 3.0),
        ({"subsampling": 1}, 2.0),
        ({"subsampling": 2}, 1.5),
        ({"subsampling": 2, "progressive": True}, 1.5),
    ],
)
def test_sizes_scans_and_samples(options, samples):
    data = written(picture(), "JPEG", **options)
    found = jpeg_structure(data)
    assert (found.width, found.height) == picture().size
    assert found.samples == samples * found.width * found.height
    assert found.scans == (10 if options.get("progressive") else 1)


def test_only_the_first_picture_of_a_file_counts():
    data = written(picture(), "JPEG", progressive=True)
    assert jpeg_structure(data * 5).scans == 10


def test_a_thumbnail_within_does_not_count():
    thumbnail = written(picture().resize((32, 24)), "JPEG", progressive=True)
    data = written(picture(), "JPEG", comment=thumbnail)
    assert jpeg_structure(data).scans == 1


def test_scans_are_counted_before_any_is_decoded():
    data = many_scans(9000, 206)
    start = time.process_time()
    with pytest.raises(DecodeError, match="times over"):
        decode_photo(data, 1700)
    assert time.process_time() - start < 1


def test_a_small_picture_of_many_scans_is_decoded():
    photo = decode_photo(many_scans(64, MAX_SCANS // 2))
    assert np.abs(photo.pixels.astype(int) - 90).max() <= 2


def test_parts_without_end_are_refused():
    data = b"\xff\xd8" + b"\xff\xe1\0\2" * 3_000_000
    start = time.process_time()
    with pytest.raises(DecodeError, match="parts"):
        decode_photo(data)
    assert time.process_time() - start < 1


@pytest.mark.parametrize("data", [ARITHMETIC, PROGRESSIVE_ARITHMETIC])
@pytest.mark.parametrize("max_side", [None, 48])
def test_arithmetic_coding_is_read(data, max_side):
    image = decode_photo(data, max_side).image
    reference = Image.open(io.BytesIO(data)).convert("RGB").resize(image.size)
    assert np.abs(np.asarray(image, int) - np.asarray(reference, int)).mean() < 4
    smooth = picture().resize(image.size)
    assert np.abs(np.asarray(image, int) - np.asarray(smooth, int)).mean() < 6


def test_a_long_row_of_fill_bytes_is_read_once():
    """Each 0xFF may begin a marker: who tries them all anew needs hours for these bytes."""
    data = written(picture(), "JPEG")
    fill = b"\xff" * 1_000_000
    start = time.perf_counter()
    assert jpeg_structure(data[:2] + fill + data[3:]) == jpeg_structure(data)
    no_marker = jpeg_structure(data[:2] + fill + b"\0")
    assert (no_marker.width, no_marker.scans) == (0, 0)
    assert time.perf_counter() - start < 5
