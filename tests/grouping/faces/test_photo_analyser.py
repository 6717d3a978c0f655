"""Photos of every kind through everything that is done to one."""

import warnings

import numpy as np
import pytest
from PIL import Image

from grouping.config import DetectionSettings
from grouping.faces.decoding import FORMATS
from grouping.faces.photo_analyser import PhotoAnalyser, search_side
from tests.helpers.files import STORED, turned_file

CHUNK = 4
MOST_FALSE = 2  # faces that the default score threshold may find where there are none


@pytest.fixture(scope="module")
def analyse(detector):
    """Files to their results, in chunks as a run gives them; nothing is embedded."""
    analyser = PhotoAnalyser(detector, lambda crops: np.ones((len(crops), 1), np.float32))

    def analyse(paths):
        photos = [path.read_bytes() for path in paths]
        chunks = [photos[i : i + CHUNK] for i in range(0, len(photos), CHUNK)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd files
            return [result for chunk in chunks for result in analyser(chunk)]

    return analyse


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def pillow_reads(path):
    """Whether Pillow, on its own and not asked to be lenient, decodes the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(path)
            image.load()
    except Exception:  # noqa: BLE001 - decoders raise whatever they like
        return False
    return image.format in FORMATS


def test_a_face_turned_any_way_is_found_alike(analyse, photos, tmp_path):
    image = Image.open(photos / "astronaut.jpg")
    paths = []
    for orientation in STORED:
        paths.append(tmp_path / f"{orientation}.jpg")
        paths[-1].write_bytes(turned_file(orientation, image, "JPEG", quality=95))
    upright, *others = analyse(paths)
    assert len(upright.faces) == 1
    for result in others:
        assert np.abs(result.faces.boxes - upright.faces.boxes).max() < 8
    hashes = np.frombuffer(b"".join(r.picture_hash for r in (upright, *others)), np.uint8)
    bits = np.unpackbits(hashes).reshape(len(paths), -1)
    assert np.count_nonzero(bits != bits[0], axis=1).max() <= 8  # of 256


@pytest.mark.parametrize(
    ("size", "searched"),
    [
        ((640, 480), 640),
        ((1600, 1250), 1600),  # two megapixels, whole
        ((4000, 3000), 1633),  # 1633 x 1225 is two megapixels
        ((3000, 4000), 1633),
        ((1, 1), 1),
    ],
)
def test_photos_are_searched_at_two_megapixels_at_most(size, searched):
    assert search_side(*size, DetectionSettings()) == searched


def test_a_very_small_face_asks_for_a_larger_image():
    # 16 px of the image searched: a face of 32 px in 4000 x 3000 needs it at half size.
    assert search_side(4000, 3000, DetectionSettings(min_face=32)) == 2000


@pytest.mark.slow
def test_every_odd_or_broken_file_has_the_outcome_it_should(analyse, shared_data):
    paths = files(shared_data / "hard" / "broken_and_odd") + files(shared_data / "hard" / "heif")
    for path, result in zip(paths, analyse(paths), strict=True):
        if result.failure is None:
            assert min(result.width, result.height) > 0, path
            continue
        assert result.failure.stage == "decode", path
        assert result.failure.reason, path
        assert not len(result.faces), path
        assert not pillow_reads(path), f"{path.name}: {result.failure.reason}"


@pytest.mark.slow
def test_hardly_a_face_is_found_where_there_is_none(analyse, shared_data):
    paths = files(shared_data / "hard" / "no_faces")
    results = analyse(paths)
    assert all(result.failure is None for result in results)
    assert sum(len(result.faces) for result in results) <= MOST_FALSE


@pytest.mark.slow
def test_stored_orientations_show_the_same_faces(analyse, shared_data):
    for kind in ("Landscape", "Portrait"):
        paths = sorted((shared_data / "hard" / "exif_orientation").glob(f"*{kind}*"))
        results = analyse(paths)
        assert {len(result.faces) for result in results} == {len(results[0].faces)}
