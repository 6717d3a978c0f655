"""The cache: what goes in comes out, for the content and the model it belongs to."""

import subprocess
import sys
import time

import numpy as np
import pytest

from grouping.errors import InputError
from grouping.records import Failure, Fingerprint, PhotoFaces
from grouping.sources.photo import LocalPhoto
from grouping.storage.cache import Cache
from tests.helpers.paths import ROOT
from tests.helpers.results.cache import assert_same, digest, result_for


def test_results_come_back_bit_by_bit_after_reopening(tmp_path):
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        cache.store(result_for("a"), "mtcnn", "ir50")
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        assert_same(cache.load(digest("a"), "mtcnn", "ir50"), result_for("a"))
        assert cache.load(digest("b"), "mtcnn", "ir50") is None
        assert cache.load(digest("a"), "other", "ir50") is None


def test_another_model_keeps_the_detections(cache):
    cache.store(result_for("a"), "mtcnn", "small")
    assert cache.load(digest("a"), "mtcnn", "large") is None
    detected = cache.load_detections(digest("a"), "mtcnn")
    np.testing.assert_array_equal(detected.detections.boxes, result_for("a").faces.boxes)
    vectors, signs = np.eye(3, 8, dtype=np.float32), result_for("b").faces.signs
    other = detected.with_embeddings(digest("a"), vectors, signs, result_for("b").faces.quality)
    cache.store(other, "mtcnn", "large")
    assert_same(cache.load(digest("a"), "mtcnn", "large"), other)
    assert_same(cache.load(digest("a"), "mtcnn", "small"), result_for("a"))


def test_a_photo_without_faces_is_known_for_every_model(cache):
    cache.store(PhotoFaces(10, 20, sha256=digest("sky")), "mtcnn", "small")
    known = cache.load(digest("sky"), "mtcnn", "large")
    assert (known.width, known.height, len(known.faces)) == (10, 20, 0)


@pytest.mark.parametrize(
    ("failure", "kept"),
    [
        (Failure("decode", "not an image"), True),
        (Failure("decode", "out of memory", retryable=True), False),
        (Failure("fetch", "404"), False),
        (Failure("process", "bug"), False),
    ],
)
def test_only_failures_for_good_are_kept(cache, failure, kept):
    cache.store(PhotoFaces(sha256=digest("bad"), failure=failure), "mtcnn", "small")
    known = cache.load(digest("bad"), "mtcnn", "small")
    assert (known is not None) == kept
    assert not kept or known.failure == failure


def test_a_result_of_unknown_bytes_is_refused(cache):
    with pytest.raises(InputError):
        cache.store(PhotoFaces(), "mtcnn", "small")


def test_places_lead_to_content_until_the_version_changes(cache):
    cache.remember(Fingerprint("/a.jpg", "1"), digest("one"))
    assert cache.content_of(Fingerprint("/a.jpg", "1")) == digest("one")
    assert cache.content_of(Fingerprint("/a.jpg", "2")) is None
    assert cache.content_of(Fingerprint("/b.jpg", "1")) is None
    cache.remember(Fingerprint("/a.jpg", "2"), digest("two"))
    assert cache.content_of(Fingerprint("/a.jpg", "2")) == digest("two")


def test_places_without_a_version_are_never_trusted(cache):
    for fingerprint in (None, Fingerprint("http://a.example/x.jpg", None)):
        cache.remember(fingerprint, digest("one"))
        assert cache.content_of(fingerprint) is None


def test_a_thousand_known_photos_are_looked_up_in_no_time(tmp_path):
    """Whole second runs over 1,000 photos are to take seconds; this part must not show."""
    cache = Cache.open(tmp_path / "cache.sqlite")
    result = result_for("x", faces=5, dimension=512)
    photos = []
    for number in range(1000):
        path = tmp_path / f"{number}.jpg"
        path.touch()
        photos.append(LocalPhoto.at(path))
        cache.remember(photos[-1].fingerprint(), result.sha256)
    cache.store(result, "mtcnn", "small")
    start = time.process_time()
    for photo in photos:
        assert cache.load(cache.content_of(photo.fingerprint()), "mtcnn", "small") is not None
    assert time.process_time() - start < 1.5
    cache.close()


def test_importing_the_cache_does_not_load_the_networks():
    code = (
        "import sys, grouping.storage.cache, grouping.sources.entries\n"
        "import grouping.execution.read_ahead\n"
        "print([m for m in ('torch', 'boto3', 'sklearn', 'PIL', 'urllib3') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
