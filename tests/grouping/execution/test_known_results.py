"""What a cache knows of a photo, be it of this version or of the one before."""

from dataclasses import replace

import numpy as np
import pytest

from backbone.weights.known_files import CHECKPOINT_FOLDER, MOBILEFACENET_RECORD
from grouping.config import GroupingConfig
from grouping.execution.face_models import FaceModels
from grouping.execution.known_results import KnownResults
from grouping.execution.workers.photo_worker import analyse_chunk
from grouping.records import RECOGNITION_SIGNS, PhotoFaces
from grouping.sources.photo import LocalPhoto
from grouping.storage.cache import Cache
from tests.helpers.results.cache import assert_same
from tests.helpers.results.old_cache import OLD_DETECTOR, write_old_cache

BUNDLED = CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name
RECOGNISABLE = RECOGNITION_SIGNS.index("recognisable")


@pytest.fixture(scope="module")
def models():
    config = GroupingConfig(checkpoint=BUNDLED, device="cpu")
    return FaceModels(config.detection, config.embedding)


@pytest.fixture(scope="module")
def fresh(models):
    """A function of the path of a photo: what it gives where nothing is known of it."""
    known: dict[str, PhotoFaces] = {}

    def analyse(path):
        if path.name not in known:
            known[path.name] = replace(models.analyser([path.read_bytes()])[0], crops=None)
        return known[path.name]

    return analyse


def found(models, cache, path) -> PhotoFaces:
    """What a run with this cache gives for a photo."""
    known = KnownResults(models, cache)
    lookup = known.lookup(LocalPhoto.at(path))
    if lookup.result is not None:
        return lookup.result
    (result,) = analyse_chunk(models.analyser, [lookup.work])
    known.store(result)
    return replace(result, crops=None)


@pytest.mark.parametrize("name", ["astronaut.jpg", "president_biden.jpg"])
def test_a_cached_photo_is_as_one_found_anew(models, fresh, cache, photos, name):
    first = found(models, cache, photos / name)
    again = found(models, cache, photos / name)
    assert_same(first, fresh(photos / name))
    assert_same(again, first)
    assert len(again.picture_hash) == 32


def test_quality_is_lowered_by_what_the_network_tells(models, fresh, cache, photos):
    """A blurred portrait: the quality of the cache is the product, not that of the detection."""
    from PIL import Image, ImageFilter

    image = Image.open(photos / "president_biden.jpg").filter(ImageFilter.GaussianBlur(6))
    path = cache.path.parent / "blurred.png"
    image.save(path)
    first, again = found(models, cache, path), found(models, cache, path)
    assert_same(first, again)
    assert len(first.faces)
    assert (first.faces.signs[:, RECOGNISABLE] < 1).all()


def test_faces_of_version_0_1_0_are_embedded_without_looking_for_them(
    models, fresh, tmp_path, photos, monkeypatch
):
    path = photos / "president_biden.jpg"
    expected = fresh(path)
    write_old_cache(tmp_path / "old.sqlite", expected)

    def no_detection(images, settings):
        assert not images
        return []

    monkeypatch.setattr(models.analyser, "detector", no_detection)
    with Cache.open(tmp_path / "old.sqlite") as cache:
        assert_same(found(models, cache, path), expected)
        assert_same(found(models, cache, path), expected)
        assert cache.load(expected.sha256, models.detector_key, models.model_key) is not None


@pytest.mark.parametrize("reason", ["score", "roll", "no face", "border"])
def test_photos_of_version_0_1_0_that_may_hold_more_or_other_faces_are_analysed_anew(
    models, fresh, tmp_path, photos, reason
):
    result = fresh(photos / "astronaut.jpg")
    faces = result.faces
    if reason == "no face":
        faces = faces[:0]
    elif reason == "score":
        faces = replace(faces, scores=np.full(len(faces), 0.998, np.float32))
    elif reason == "border":
        faces = replace(faces, boxes=faces.boxes * np.array([0, 1, 1, 1], np.float32))
    else:
        quarter = np.array([[0, -1], [1, 0]], np.float32)
        middle = faces.landmarks.mean(axis=1, keepdims=True)
        faces = replace(faces, landmarks=(faces.landmarks - middle) @ quarter + middle)
    write_old_cache(tmp_path / "old.sqlite", replace(result, faces=faces))
    with Cache.open(tmp_path / "old.sqlite") as cache:
        lookup = KnownResults(models, cache).lookup(LocalPhoto.at(photos / "astronaut.jpg"))
    assert lookup.result is None
    assert lookup.work.known is None


def test_the_key_of_version_0_1_0_is_the_one_it_wrote(models):
    assert models.earlier_detector_key == OLD_DETECTOR
    assert models.detector_key != OLD_DETECTOR
