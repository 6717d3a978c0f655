"""Large photos are read, and what takes too much memory is refused by its header."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from grouping.errors import DecodeError
from grouping.faces import decoding
from grouping.faces.decoding import decode_photo, photo_size
from tests.helpers.paths import PHOTOS, ROOT
from tests.helpers.photo_files.files import (
    chunk,
    colour_files,
    picture,
    turned_file,
    with_alpha,
    written,
)

PEAK = """
import resource, sys
from grouping.faces.decoding import decode_photo
data = sys.stdin.buffer.read()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
try:
    photo = decode_photo(data, int(sys.argv[1]) or None)
    print(*photo.image.size, photo.width, photo.height, end=" ")
except ValueError as error:
    print("refused", end=" ")
print(round(peak() - before))
"""


def decoded_apart(data, max_side):
    """Sizes, or that it was refused, and the growth of the memory in MB; in its own process."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK, str(max_side)],
        input=data,
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    *outcome, peak = run.stdout.decode().split()
    return outcome, int(peak)


def png(width, height, kind, pixel_bytes):
    """A grey PNG; ``kind`` 0 grey, 2 RGB, 6 RGBA."""
    packer = zlib.compressobj(1)
    rows = [packer.compress(b"\0" + b"\x80" * (width * pixel_bytes)) for _ in range(height)]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", b"".join(rows) + packer.flush()), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def icon(image, count=1):
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(image), 22)
    return struct.pack("<HHH", 0, 1, count) + entry + image


@pytest.mark.parametrize(
    ("size", "options", "most"),
    [
        ((12000, 9000), {}, 150),
        ((16320, 12240), {}, 150),
        ((16320, 12240), {"progressive": True}, 800),  # all coefficients at once
    ],
)
def test_jpegs_of_108_and_200_megapixels_are_read_reduced(size, options, most):
    outcome, peak = decoded_apart(written(Image.new("RGB", size, "teal"), "JPEG", **options), 1700)
    assert outcome == ["1700", "1275", str(size[0]), str(size[1])]
    assert peak < most


@pytest.mark.slow
def test_a_heic_of_108_megapixels_is_read_reduced():
    pillow_heif.register_heif_opener()
    data = written(Image.new("RGB", (12000, 9000), "teal"), "HEIF", quality=20)
    outcome, peak = decoded_apart(data, 1700)
    assert outcome == ["1700", "1275", "12000", "9000"]
    assert peak < 600


def test_a_face_in_a_photo_of_108_megapixels_is_in_its_place():
    with Image.open(PHOTOS / "astronaut.jpg") as photo:
        face = photo.convert("RGB")
    large = Image.new("RGB", (12000, 9000), (120, 130, 140))
    large.paste(face.resize((6000, 6000)), (3000, 1500))
    photo = decode_photo(written(large, "JPEG", quality=60), 1200)
    assert photo.scale == 0.1
    there = photo.image.crop((300, 150, 900, 750))
    assert np.abs(np.asarray(there, int) - np.asarray(face.resize((600, 600)), int)).mean() < 6


@pytest.mark.parametrize("max_side", [1700, 0])
def test_large_transparent_pngs_are_in_memory_once(max_side):
    """89 megapixels took 2 GB once: decoded, converted, on paper, converted back."""
    outcome, peak = decoded_apart(png(9400, 9400, 6, 4), max_side)
    assert outcome[2:] == ["9400", "9400"]
    assert peak < (500 if max_side else 850)


@pytest.mark.parametrize(
    "data", [icon(png(13300, 13300, 6, 4)), png(15000, 15000, 2, 3), png(30000, 30000, 0, 1)]
)
def test_what_takes_too_much_is_refused_by_its_header(data):
    assert decoded_apart(data, 1700) == (["refused"], pytest.approx(10, abs=30))


def test_icons_are_read_within_bounds():
    assert decode_photo(written(picture(), "ICO", sizes=[(96, 64)])).image.size == (96, 64)
    with pytest.raises(DecodeError, match="icon"):
        decode_photo(icon(written(picture(), "PNG"), count=60_000))


@pytest.mark.parametrize("max_side", [40, 77])
@pytest.mark.parametrize(
    "name", ["png", "rgba png", "cmyk tiff", "palette png", "heif", "lab tiff"]
)
def test_in_bands_the_same_comes_out(monkeypatch, name, max_side):
    data = colour_files()[name]
    whole = decode_photo(data, max_side).pixels.astype(int)
    monkeypatch.setattr(decoding, "LARGE_PIXELS", 100)
    monkeypatch.setattr("grouping.faces.file_formats.pixels.BAND_ROWS", 7)
    in_bands = decode_photo(data, max_side).pixels.astype(int)
    assert np.abs(in_bands - whole).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "HEIF"])
def test_large_photos_are_upright_too(monkeypatch, orientation, format):
    data = turned_file(orientation, format=format)
    whole = decode_photo(data, 60)
    monkeypatch.setattr(decoding, "LARGE_PIXELS", 100)
    large = decode_photo(data, 60)
    assert (large.width, large.height, large.image.size) == (
        *(whole.width, whole.height),
        whole.image.size,
    )
    assert np.abs(large.pixels.astype(int) - whole.pixels).max() <= 2


def test_never_more_pixels_than_are_wanted_of_any_photo(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_USED_PIXELS", 1000)
    photo = decode_photo(written(picture(), "PNG"))
    assert photo.image.width * photo.image.height <= 1000
    assert (photo.width, photo.height) == picture().size
    monkeypatch.setattr(decoding, "LARGE_PIXELS", 100)
    transparent = decode_photo(written(with_alpha("RGB"), "PNG"))
    assert transparent.pixels[:, 0].min() == 255


def test_the_limit_of_the_whole_process_is_left_alone():
    before = Image.MAX_IMAGE_PIXELS
    decode_photo(written(Image.new("L", (12000, 9000)), "JPEG"), 100)
    assert before == Image.MAX_IMAGE_PIXELS


def test_a_truncated_heif_says_what_is_wrong():
    data = written(picture(), "HEIF")
    with pytest.raises(DecodeError, match="damaged") as caught:
        decode_photo(data[: len(data) * 2 // 3])
    assert "(" in str(caught.value)  # with the decoder's own words
    assert "\n" not in str(caught.value)


def test_photo_size_and_pillow_agree():
    for name, data in colour_files().items():
        if name != "jpeg xl":
            assert photo_size(data) == Image.open(io.BytesIO(data)).size, name
