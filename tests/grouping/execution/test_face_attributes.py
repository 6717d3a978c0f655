"""Where the attributes of a run come from: crops kept, the cache, or photos read once more."""

import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from grouping.config import GroupingConfig
from grouping.errors import Interrupted
from grouping.execution.face_attributes import AttributeReader, attributes_of_run
from grouping.execution.face_models import shared_models
from grouping.execution.outcomes import outcomes_of
from grouping.sources.photo import LocalPhoto, MemoryPhoto
from grouping.storage.cache import Cache
from tests.helpers.networks.attributes import Pixels
from tests.helpers.paths import PHOTOS


@pytest.fixture(scope="module")
def models():
    return shared_models(GroupingConfig())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Photos with one face, two and none; one so large that its faces are cut from more pixels."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("two_presidents.jpg", "president_biden.jpg", "rocket.jpg"):
        shutil.copy(PHOTOS / name, folder)
    with Image.open(PHOTOS / "two_presidents.jpg") as image:
        image.resize((4200, 2397)).save(folder / "large.jpg", quality=90)
    return folder


@pytest.fixture(scope="module")
def outcomes(models, folder):
    """Of the photos in the folder, by name, with crops."""
    return outcomes_of(models, photos_in(folder), keep_crops=True)


def photos_in(folder):
    return [LocalPhoto.at(path) for path in sorted(folder.iterdir())]


def without_crops(outcomes):
    return tuple(replace(outcome, crops=None) for outcome in outcomes)


def keep(cache, models, outcomes):
    """As a run does before attributes are asked for."""
    for outcome in outcomes:
        cache.store(outcome, models.detector_key, models.model_key)


def same(a, b):
    np.testing.assert_array_equal(a.age, b.age)
    np.testing.assert_array_equal(a.male, b.male)


@pytest.fixture
def wanted(models, folder, outcomes):
    return attributes_of_run(AttributeReader(Pixels(), models), photos_in(folder), outcomes).faces


def test_faces_are_cut_again_to_the_bit(models, folder, outcomes, wanted):
    assert len(wanted) == 5
    reader = AttributeReader(Pixels(), models)
    same(attributes_of_run(reader, photos_in(folder), without_crops(outcomes)).faces, wanted)


def test_photos_given_as_pixels_are_cut_again_too(models):
    with Image.open(PHOTOS / "two_presidents.jpg") as image:
        image = image.convert("RGB")
    reader = AttributeReader(Pixels(), models)
    for photo in (
        MemoryPhoto(0, "image", image=image),
        MemoryPhoto(0, "array", array=np.asarray(image)),
    ):
        outcomes = outcomes_of(models, [photo], keep_crops=True)
        kept = attributes_of_run(reader, [photo], outcomes).faces
        same(attributes_of_run(reader, [photo], without_crops(outcomes)).faces, kept)


def test_the_second_time_no_photo_is_read(models, folder, outcomes, wanted, cache):
    networks = Pixels()
    reader, bare = AttributeReader(networks, models, cache), without_crops(outcomes)
    keep(cache, models, bare)
    same(attributes_of_run(reader, photos_in(folder), bare).faces, wanted)
    assert networks.asked == 3  # one photo has no face
    gone = [LocalPhoto.at(folder / "nowhere" / photo.path.name) for photo in photos_in(folder)]
    again = attributes_of_run(reader, gone, bare)
    same(again.faces, wanted)
    assert (networks.asked, again.problems) == (3, ())


def test_a_face_drawn_elsewhere_is_asked_again(models, folder, outcomes, cache):
    """As many faces, of which one is another."""
    keep(cache, models, without_crops(outcomes))
    (place,) = (k for k, p in enumerate(photos_in(folder)) if p.path.name == "two_presidents.jpg")
    photos = [photos_in(folder)[place]]
    both = without_crops(outcomes)[place]
    networks = Pixels()
    for chosen in (0, 1):
        drawn = replace(both, faces=both.faces[[chosen]], drawn=(0,))
        reader = AttributeReader(networks, models, cache)
        found = attributes_of_run(reader, photos, [drawn]).faces
        same(found, Pixels()(outcomes[place].crops[[chosen]]))
    one = replace(both, faces=both.faces[[0]])  # nor is it taken for one that was detected
    attributes_of_run(AttributeReader(networks, models, cache), photos, [one])
    assert networks.asked == 3


def test_other_networks_or_faces_are_asked_again(models, folder, outcomes, cache):
    bare = without_crops(outcomes)
    keep(cache, models, bare)
    attributes_of_run(AttributeReader(Pixels(), models, cache), photos_in(folder), bare)
    other = Pixels("other")
    attributes_of_run(AttributeReader(other, models, cache), photos_in(folder), bare)
    assert other.asked == 3
    fewer = [replace(outcome, faces=outcome.faces[:1]) for outcome in bare]
    networks = Pixels()
    found = attributes_of_run(AttributeReader(networks, models, cache), photos_in(folder), fewer)
    assert networks.asked == 2  # those that had two faces
    assert len(found.faces) == 3


def test_nothing_is_kept_of_a_photo_whose_faces_are_not(models, folder, outcomes, wanted, cache):
    """Somebody who opted out is in it, and its faces were taken out of the cache."""
    bare = without_crops(outcomes)
    keep(cache, models, bare[1:])
    reader = AttributeReader(Pixels(), models, cache)
    same(attributes_of_run(reader, photos_in(folder), bare).faces, wanted)
    assert sorted(cache.contents()) == sorted(outcome.sha256 for outcome in bare[1:])


def test_copies_of_the_same_bytes_are_read_once(models, folder, outcomes):
    bare, networks = without_crops(outcomes), Pixels()
    photos = photos_in(folder) * 3
    found = attributes_of_run(AttributeReader(networks, models), photos, bare * 3)
    assert networks.asked == 3
    same(found.faces[:5], found.faces[10:])


def test_a_photo_that_changed_or_went_is_said_and_the_rest_goes_on(
    models, folder, outcomes, wanted, tmp_path
):
    place = shutil.copytree(folder, tmp_path / "photos")
    photos = photos_in(place)
    (place / "president_biden.jpg").unlink()
    shutil.copy(PHOTOS / "astronaut.jpg", place / "large.jpg")
    reader = AttributeReader(Pixels(), models)
    found = attributes_of_run(reader, photos, without_crops(outcomes))
    np.testing.assert_array_equal(np.isnan(found.faces.age), [True, True, True, False, False])
    same(found.faces[3:], wanted[3:])
    assert len(found.problems) == 2
    assert "large.jpg: the photo has changed" in found.problems[0]
    assert "president_biden.jpg" in found.problems[1]


def test_a_stop_ends_it(models, folder, outcomes):
    stop = threading.Event()
    stop.set()
    reader = AttributeReader(Pixels(), models)
    with pytest.raises(Interrupted):
        attributes_of_run(reader, photos_in(folder), without_crops(outcomes), stop=stop)


def test_progress_counts_what_has_to_be_read(models, folder, outcomes):
    calls = []
    attributes_of_run(
        AttributeReader(Pixels(), models),
        photos_in(folder),
        without_crops(outcomes),
        on_stage=lambda *call: calls.append(call),
    )
    assert calls == [("age and gender", done, 3) for done in (1, 2, 3)]


@pytest.mark.parametrize("how", ["forget", "erase"])
def test_forgetting_takes_the_answers_along(models, folder, outcomes, tmp_path, how):
    path = tmp_path / "own" / "cache.sqlite"
    with Cache.open(path) as cache:
        keep(cache, models, without_crops(outcomes))
        networks = Pixels()
        found = attributes_of_run(
            AttributeReader(networks, models, cache), photos_in(folder), without_crops(outcomes)
        )
        if how == "forget":
            assert cache.forget([photo.path for photo in photos_in(folder)]) == []
        else:
            cache.erase()
        for outcome in outcomes:
            keys = (outcome.sha256, models.detector_key, networks.key)
            assert cache.load_attributes(*keys) is None
    on_disk = b"".join(part.read_bytes() for part in path.parent.iterdir())
    assert found.faces.age[3:].astype("<f4").tobytes() not in on_disk
