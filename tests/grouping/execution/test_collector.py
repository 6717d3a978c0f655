"""Photos to results: what is known is not done again, copies are done once, nothing is lost."""

import threading
from dataclasses import dataclass
from hashlib import sha256
from itertools import count

import numpy as np
import pytest

from grouping.config import EmbeddingSettings
from grouping.errors import FetchError, Interrupted, ModelError
from grouping.execution import backends
from grouping.execution.collector import FEW_PHOTOS, LARGE_BYTES, PhotoCollector
from grouping.memory.budget import split_memory
from grouping.records import FaceSet, PhotoFaces, unknown_signs
from grouping.sources.photo import Fingerprint, MemoryPhoto, Photo, RefusedPhoto


def photo_faces(data):
    """One face for each byte, so that results can be told apart."""
    n = len(data)
    faces = FaceSet(
        photo_index=np.zeros(n, np.int32),
        boxes=np.tile(np.array([0, 0, 9, 9], np.float32), (n, 1)),
        scores=np.ones(n, np.float32),
        landmarks=np.ones((n, 5, 2), np.float32),
        quality=np.ones(n, np.float32),
        measures=np.ones((n, 7), np.float32),
        embeddings=np.ones((n, 1), np.float32),
        signs=unknown_signs(n),
    )
    crops = np.zeros((n, 112, 112, 3), np.uint8)
    return PhotoFaces(10, 10, faces, crops, sha256(data).hexdigest())


class Analyser:
    """Counts faces by bytes; keeps what it was asked for."""

    def __init__(self):
        self.asked, self.again = [], []

    def __call__(self, photos, pictures=False):
        for photo in photos:
            if photo == b"bug":
                raise ZeroDivisionError("no code foresaw\nthis")
            if photo == b"no model":
                raise ModelError("out of memory")
        self.asked += [bytes(photo) for photo in photos]
        return [photo_faces(photo) for photo in photos]

    def embed_again(self, photo, known, pictures=False):
        self.again.append(photo)
        return known


class Models:
    """Stands in for the networks."""

    detector_key = "detector"
    earlier_detector_key = "earlier detector"
    embedding = EmbeddingSettings(device="cpu")

    def __init__(self, model_key="model"):
        self.model_key = model_key
        self.analyser = Analyser()

    def memory_budget(self, workers):
        return split_memory(2**40, workers, 0)


@dataclass(frozen=True, eq=False)
class PlacedPhoto(Photo):
    """A photo with a lasting place that tells when it is read."""

    data: bytes
    reads: list

    def _read(self):
        self.reads.append(self.id)
        return self.data

    def _fingerprint(self):
        return Fingerprint(self.location, "1")


def memory(*contents):
    return [MemoryPhoto(i, f"<{i}>", data=data) for i, data in enumerate(contents)]


def collected(photos, models=None, cache=None, **options):
    collector = PhotoCollector(models or Models(), cache, **options)
    collector.collect(photos)
    return collector.results


def sizes(results):
    return [len(result.faces) for result in results]


def test_results_come_in_the_order_of_the_photos():
    contents = [b"x" * (i % 5) + b"%d" % i for i in range(30)]
    models, seen = Models(), []
    collector = PhotoCollector(models, on_photo=lambda photo, result: seen.append(photo.id))
    collector.collect(iter(memory(*contents)))
    assert sizes(collector.results) == [len(data) for data in contents]
    assert [photo.id for photo in collector.photos] == list(range(30)) == sorted(seen)
    assert all(result.crops is None for result in collector.results)


def test_copies_are_analysed_once_and_reported_in_every_place():
    models, seen = Models(), []
    results = collected(
        memory(b"ab", b"c", *[b"ab"] * 20),
        models,
        on_photo=lambda photo, result: seen.append(photo.id),
    )
    assert sizes(results) == [2, 1] + [2] * 20
    assert models.analyser.asked == [b"ab", b"c"]
    assert sorted(seen) == list(range(22))


def test_copies_of_a_photo_that_fails_fail_with_it():
    results = collected(memory(b"bug", b"fine", b"bug", b"bug"))
    assert sizes(results) == [0, 4, 0, 0]
    reasons = [result.failure and result.failure.reason for result in results]
    assert reasons == ["ZeroDivisionError: no code foresaw this", None, *[reasons[0]] * 2]


def test_a_photo_that_cannot_be_read_fails_alone():
    results = collected([RefusedPhoto(0, "x", "refused"), *memory(b"ab")])
    assert results[0].failure.reason == "refused"
    assert results[0].failure.stage == FetchError.stage
    assert sizes(results) == [0, 2]


def test_an_error_of_the_networks_ends_the_run():
    with pytest.raises(ModelError, match="out of memory"):
        collected(memory(b"no model"))


def test_what_the_cache_has_is_neither_read_nor_analysed(cache):
    reads = []
    photos = [PlacedPhoto(i, f"/{i}", b"x" * i, reads) for i in range(6)]
    first = collected(photos, cache=cache)
    assert sorted(reads) == list(range(6))
    models = Models()
    again = collected([*photos, *memory(b"xx", b"new")], models, cache)
    assert sizes(again) == [*sizes(first), 2, 3]
    assert len(reads) == 6
    assert models.analyser.asked == [b"new"]


def test_faces_of_another_network_are_only_embedded_again(cache):
    collected(memory(b"ab", b""), cache=cache)
    models = Models("another model")
    assert sizes(collected(memory(b"ab", b""), models, cache)) == [2, 0]
    assert models.analyser.again == [b"ab"]


def test_crops_are_kept_where_asked_for_whatever_the_cache_has(cache):
    collected(memory(b"ab"), cache=cache)
    results = collected(memory(b"ab", b"ab"), cache=cache, keep_crops=True)
    assert [result.crops.shape for result in results] == [(2, 112, 112, 3)] * 2


def test_a_stop_is_obeyed_and_what_is_done_is_kept(cache):
    stop, done = threading.Event(), []
    endless = (MemoryPhoto(i, f"<{i}>", data=b"%d" % i) for i in count())

    def on_photo(photo, _):
        done.append(photo)
        if len(done) > 2 * FEW_PHOTOS:
            stop.set()

    with pytest.raises(Interrupted):
        collected(endless, cache=cache, stop=stop, on_photo=on_photo)
    models = Models()
    collected(memory(*[photo.data for photo in done]), models, cache)
    assert not models.analyser.asked


@dataclass(frozen=True)
class Sized(Photo):
    """A photo whose size is known beforehand."""

    size: int | None = None

    @property
    def expected_bytes(self):
        return self.size

    def _read(self):
        return b"a%d" % self.id


@pytest.mark.parametrize(
    ("count", "size", "pays"),
    [
        (FEW_PHOTOS, None, False),
        (FEW_PHOTOS + 1, None, True),
        (FEW_PHOTOS, 0, False),
        (FEW_PHOTOS // 2, LARGE_BYTES, False),
        (FEW_PHOTOS // 2 + 1, LARGE_BYTES, True),
        (FEW_PHOTOS // 3, 100 * LARGE_BYTES, False),
    ],
)
def test_processes_are_started_where_there_is_enough_to_do(monkeypatch, count, size, pays):
    asked = []

    def analyse(models, chunks, budget):
        asked.append(budget)
        for chunk in chunks:
            for position, work in chunk:
                yield position, photo_faces(work.photo)

    monkeypatch.setattr(backends, "analyse_photos", analyse)
    made = PhotoCollector(Models())
    made.collect((Sized(i, f"<{i}>", size) for i in range(count)), workers=2)
    assert len(made.results) == count
    assert bool(asked[0].workers) is pays


@pytest.mark.parametrize(
    ("device", "gpu", "workers", "at_once"),
    [("auto", False, 2, 2), ("auto", True, 2, 4), ("cpu", True, 2, 2), ("auto", False, 0, 4)],
)
def test_workers_without_a_gpu_take_fewer_photos_at_once(
    monkeypatch, device, gpu, workers, at_once
):
    models = Models()
    models.embedding = EmbeddingSettings(device=device)
    monkeypatch.setattr("grouping.execution.collector.may_have_gpu", lambda: gpu)
    taken = PhotoCollector(models)._unknown(
        iter(memory(b"1", b"2", b"3", b"4", b"5")), models.memory_budget(workers)
    )
    assert len(next(taken)) == at_once
    taken.close()
