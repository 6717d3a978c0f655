"""A photo that takes too long is given up by the steps of its own work, whatever does it."""

import io
import struct
import threading
import time
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from grouping.config import GroupingConfig
from grouping.errors import DecodeError, PhotoTimeError
from grouping.execution.face_models import shared_models
from grouping.faces import time_limit
from grouping.faces.decoding import decode_photo, photo_size
from grouping.faces.time_limit import TimeLimit, check_time, seconds_a_photo, some_limit
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.files import bmp_that_is_slow

WAYS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "SGI", "PCX", "JPEG2000", "AVIF")


class Clock:
    """Stands in for the clock of a thread; each look at it takes some time."""

    def __init__(self, monkeypatch, step=0.0):
        self.now, self.step = 0.0, step
        monkeypatch.setattr(time_limit.time, "thread_time", self)

    def __call__(self):
        self.now += self.step
        return self.now


def noise(format, side=600, **options):
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def png_of_many_parts(count):
    base = noise("PNG", 64)
    part = struct.pack(">I4sI", 0, b"prIv", zlib.crc32(b"prIv"))
    return base[:33] + part * count + base[33:]


def test_the_time_runs_only_while_the_photo_is_worked_on(monkeypatch):
    clock, limit = Clock(monkeypatch), TimeLimit(10)
    with limit.running():
        clock.now += 6
        check_time()
    clock.now += 100
    check_time()  # nothing is worked on
    with limit.running():
        clock.now += 3.9
        check_time()
        clock.now += 0.1
        with pytest.raises(PhotoTimeError, match="longer than the 10 seconds") as caught:
            check_time()
    assert caught.value.retryable
    assert caught.value.stage == "process"


def test_a_part_of_the_work_begins_no_new_time(monkeypatch):
    clock = Clock(monkeypatch)
    with seconds_a_photo(10), some_limit():
        clock.now += 6
        with some_limit():
            clock.now += 4
            with pytest.raises(PhotoTimeError):
                check_time()
    with seconds_a_photo(10), some_limit():
        check_time()


def test_waiting_does_not_count():
    """A program that was stopped for a while (Ctrl-Z), or a busy machine, makes no photo slow."""
    with TimeLimit(0.3).running():
        time.sleep(0.5)
        check_time()
        end = time.thread_time() + 0.3
        while time.thread_time() < end:
            pass
        with pytest.raises(PhotoTimeError):
            check_time()


def test_each_thread_has_its_own_limit():
    seen = []

    def other():
        check_time()
        seen.append(time_limit.allowed_seconds())

    with seconds_a_photo(7), TimeLimit(0).running():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert seen == [GroupingConfig().photo_seconds]


@pytest.mark.parametrize("format", WAYS)
def test_every_decoder_ends_when_the_time_is_over(format, monkeypatch):
    """Many end within; those that decode in one call are found out after it."""
    data = noise(format)
    decode_photo(data)  # plugins are loaded
    clock = Clock(monkeypatch, step=1.0)
    with seconds_a_photo(1e6):
        decode_photo(data)
    looks = int(clock.now) - 2  # but for the begin and the end of the limit
    assert looks >= 2
    for seconds in {1, 2, looks // 2, looks - 1, looks}:
        Clock(monkeypatch, step=1.0)
        with seconds_a_photo(seconds), pytest.raises(PhotoTimeError):
            decode_photo(data)


@pytest.mark.parametrize(
    "data", [bmp_that_is_slow(1000), png_of_many_parts(400_000)], ids=["bmp", "png"]
)
def test_a_slow_file_is_given_up_within(data):
    started = time.thread_time()
    with seconds_a_photo(0.3), pytest.raises(PhotoTimeError, match=r"0\.3 seconds"):
        decode_photo(data)
    assert time.thread_time() - started < 1.5
    assert decode_photo(data).width > 0  # it is a photo, only slow


def test_a_tiff_of_more_strips_than_any_photo_is_refused_by_its_header():
    strips, rows = 300_000, 100
    places = struct.pack(f"<{strips}I", *[8] * strips)
    tags = [(256, 4, 1, 100), (257, 4, 1, rows), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, strips, 108), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, strips, 108)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
    data = (
        b"II*\0" + struct.pack("<I", 108 + len(places)) + bytes(100) + places + directory + bytes(4)
    )
    started = time.monotonic()
    with pytest.raises(DecodeError, match="300000 parts"):
        photo_size(data)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("together", [1, 3])
def test_the_slow_photo_of_a_chunk_is_named_and_the_others_are_done(together):
    good = (PHOTOS / "president_biden.jpg").read_bytes()
    analyser = shared_models(GroupingConfig()).analyser
    (alone,) = analyser([good])
    photos = [bmp_that_is_slow(2400), *[good] * (together - 1)]
    with seconds_a_photo(2):
        slow, *others = analyser(photos)
    assert slow.failure.reason.startswith("took longer than the 2 seconds")
    assert slow.failure.retryable
    assert slow.sha256 is not None
    for other in others:
        assert other.failure is None
        np.testing.assert_allclose(other.faces.boxes, alone.faces.boxes, atol=0.01)


def test_networks_that_are_too_slow_together_are_asked_for_each_photo_alone(monkeypatch):
    """On a GPU several photos pass the networks at once: which is slow is found out one by one."""
    good = (PHOTOS / "president_biden.jpg").read_bytes()
    analyser = shared_models(GroupingConfig()).analyser
    (alone,) = analyser([good])
    whole, seen = analyser._analysed, []
    detector = analyser.detector
    networks = detector.networks

    def counted(photos, *more):
        seen.append(len(photos))
        monkeypatch.setattr(detector, "networks", networks)  # which do the work
        if len(photos) > 1:
            raise PhotoTimeError("too slow")
        return whole(photos, *more)

    monkeypatch.setattr(analyser, "_analysed", counted)
    on_gpu = networks._replace(device=SimpleNamespace(type="cuda"))
    monkeypatch.setattr(detector, "networks", on_gpu)
    results = analyser([good, b"no photo", good])
    assert seen == [3, 1, 1, 1]
    assert [result.failure is None for result in results] == [True, False, True]
    np.testing.assert_array_equal(results[2].faces.embeddings, alone.faces.embeddings)


def test_networks_look_at_the_time(monkeypatch):
    """Detection ends between two passes of a network, and the photo alone is named."""
    analyser = shared_models(GroupingConfig()).analyser
    pixels = np.asarray(Image.open(PHOTOS / "president_biden.jpg").convert("RGB"))
    (known,) = analyser([pixels])
    assert known.failure is None
    Clock(monkeypatch, step=1.0)
    with seconds_a_photo(4):
        (slow,) = analyser([pixels])
        again = analyser.embed_again(pixels, known)
    assert "4 seconds" in slow.failure.reason
    with seconds_a_photo(1):
        again = analyser.embed_again(pixels, known)
    assert "1 seconds" in again.failure.reason
    assert len(again.faces) == 0
