"""Work that hangs is left behind after its time, in this process too."""

import threading
import time

import pytest

from grouping.execution import time_limit
from grouping.execution.backends import PhotoWork, analyse_photos
from grouping.execution.time_limit import OvertimeError, TimedThread
from grouping.records import PhotoFaces

LIMIT = 1.0


class Models:
    """Stands in for the networks; a photo of "hangs" is held up like C code would be."""

    detection = embedding = None
    free = threading.Event()

    def analyser(self, photos):
        if b"hangs" in photos:
            self.free.wait(60)
        return [PhotoFaces(width=len(photo)) for photo in photos]


def test_what_is_in_time_comes_back_and_errors_do_too():
    with TimedThread(30) as timed:
        assert timed(lambda: 3) == 3
        first = timed(threading.get_ident)
        assert first == timed(threading.get_ident) != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            timed(lambda: 1 // 0)
        assert timed(lambda: 4) == 4


def test_what_hangs_is_left_behind_and_the_next_is_done():
    free = threading.Event()
    with TimedThread(LIMIT) as timed:
        with pytest.raises(OvertimeError, match="took longer than 1 seconds"):
            timed(lambda: free.wait(60))
        assert timed(lambda: 5) == 5
    free.set()
    give_up = time.monotonic() + 20
    while any(thread.name == time_limit.NAME for thread in threading.enumerate()):
        assert time.monotonic() < give_up, "a thread stays when its work is done"
        time.sleep(0.01)


def test_one_photo_that_hangs_fails_alone(monkeypatch):
    monkeypatch.setattr(time_limit, "PHOTO_SECONDS", LIMIT)
    models, contents = Models(), [b"a", b"hangs", b"abc", b"ab"]
    chunk = [(place, PhotoWork(content)) for place, content in enumerate(contents)]
    results = dict(analyse_photos(models, [chunk], workers=0))
    models.free.set()
    assert {place: result.width for place, result in results.items()} == {0: 1, 1: 0, 2: 3, 3: 2}
    assert results[1].failure.reason == "took longer than 1 seconds"
    assert results[1].failure.stage == "process"
    assert [place for place, result in results.items() if result.failure] == [1]
