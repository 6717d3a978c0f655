"""Photos of every kind through everything that is done to one."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from grouping.config import DetectionSettings
from grouping.faces.alignment import align_faces
from grouping.faces.file_formats.opening import FORMATS
from grouping.faces.photo_analyser import PhotoAnalyser
from grouping.faces.pictures.picture_hash import picture_hash
from grouping.faces.quality import face_quality
from grouping.faces.scales import search_side
from grouping.records import (
    QUALITY_MEASURES,
    Detections,
)
from tests.helpers.networks.embedding import half_recognised
from tests.helpers.photo_files.files import STORED, turned_file
from tests.helpers.results.cache import assert_same

CHUNK = 4
MOST_FALSE = 2  # faces that the default score threshold may find where there are none


@pytest.fixture(scope="module")
def analyse(detector):
    """Files to their results, in chunks as a run gives them; nothing is embedded."""
    analyser = PhotoAnalyser(detector, half_recognised)

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


def test_the_network_has_its_say_in_the_quality(analyse, photos):
    (result,) = analyse([photos / "astronaut.jpg"])
    faces = result.faces
    image = Image.open(photos / "astronaut.jpg").convert("RGB")
    crops = align_faces(image, faces.landmarks)
    found = Detections(faces.boxes, faces.scores, faces.landmarks)
    judged = face_quality(found, crops, (result.width, result.height))
    np.testing.assert_array_equal(faces.quality, judged.quality * np.float32(0.5))
    np.testing.assert_array_equal(faces.measures, judged.measures)


def test_faces_embedded_again_are_as_if_found_anew(detector, photos):
    """Whatever an earlier version knew of them but their places."""
    data = (photos / "astronaut.jpg").read_bytes()
    analyse = PhotoAnalyser(detector, half_recognised)
    (fresh,) = analyse([data])
    n = len(fresh.faces)
    stale = replace(fresh.faces, quality=np.zeros(n, np.float32), measures=fresh.faces.measures * 0)
    known = replace(fresh, faces=stale, crops=None, picture_hash=b"", rotation=90)
    again = PhotoAnalyser(None, half_recognised).embed_again(data, known)
    assert_same(replace(again, rotation=0), fresh)
    np.testing.assert_array_equal(again.crops, fresh.crops)
    assert again.rotation == 90
    assert again.faces.measures[0, QUALITY_MEASURES.index("visible")] == 1


def test_faces_of_a_photo_that_cannot_be_read_any_more(detector, photos):
    data = (photos / "astronaut.jpg").read_bytes()
    analyser = PhotoAnalyser(detector, half_recognised)
    (known,) = analyser([data])
    again = analyser.embed_again(data[:100], known)
    assert again.failure.stage == "decode"
    assert len(again.faces) == 0


def test_a_photo_is_known_by_its_picture_hash(analyse, photos):
    (result,) = analyse([photos / "astronaut.jpg"])
    assert result.picture_hash == picture_hash(Image.open(photos / "astronaut.jpg"))
    assert len(result.picture_hash) == 32


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
