"""The hash of a picture: its bits by scipy's DCT, and how far they move."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy.fft import dctn

from grouping.faces.pictures.picture_hash import HASH_BYTES, picture_hash

COPY_BITS = 20


def bits(image: Image.Image) -> np.ndarray:
    return np.unpackbits(np.frombuffer(picture_hash(image), np.uint8))


def saved(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


@pytest.fixture(scope="module")
def pictures(photos):
    return [Image.open(path).convert("RGB") for path in sorted(photos.glob("*.jpg"))]


def test_the_bits_are_those_of_the_definition(pictures):
    for image in pictures:
        grey = np.asarray(image.convert("L").resize((64, 64), Image.Resampling.BOX), float)
        low = dctn(grey, norm="ortho")[:16, :16].ravel()
        wanted = low > np.median(low[1:])
        wanted[0] = False
        assert len(picture_hash(image)) == HASH_BYTES
        # Byte k holds frequencies k, k + 32, k + 64 ...
        assert np.array_equal(bits(image).reshape(32, 8).T.ravel(), wanted)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: saved(image, 40),
        lambda image: image.resize((image.width // 2, image.height // 2)),
        lambda image: image.resize((image.width // 4, image.height // 4)),
        lambda image: ImageEnhance.Brightness(image).enhance(1.15),
        lambda image: ImageEnhance.Contrast(image).enhance(1.2),
        lambda image: image.convert("L"),
        lambda image: image.convert("RGBA"),
    ],
)
def test_copies_differ_in_few_bits(pictures, change):
    for image in pictures:
        assert np.count_nonzero(bits(image) != bits(change(image))) <= COPY_BITS


def test_pictures_differ_in_many(pictures):
    # Of two_presidents.jpg each half is a part of another picture.
    hashes = [bits(image) for image in pictures]
    apart = [np.count_nonzero(a != b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(apart) > 2 * COPY_BITS


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (64, 64)])
def test_a_picture_of_any_size_has_a_hash(size):
    assert len(picture_hash(Image.new("RGB", size, "grey"))) == HASH_BYTES
