"""Reading ahead: in order, bounded, overlapping, and quick to stop."""

import signal
import subprocess
import sys
import threading
import time
from itertools import count, islice
from operator import methodcaller

import pytest

from grouping.errors import CacheError, ConfigError, FetchError, PhotoError
from grouping.execution.read_ahead import NAME, read_ahead
from grouping.sources.photo import MemoryPhoto, Photo, RefusedPhoto
from grouping.sources.web.http_photo import HttpOptions, HttpPhoto
from tests.helpers.paths import ROOT
from tests.helpers.services.servers import FaultyServer, drops, first, sends, stalls

READ = methodcaller("read")


def photo(number):
    return MemoryPhoto(number, f"<{number}>", data=b"%d" % number)


def test_results_come_in_order_whatever_takes_how_long():
    def read(item):
        time.sleep(0.01 * (item.id % 3 == 0))
        return item.read()

    results = list(read_ahead(map(photo, range(50)), read, ahead=8, readers=4))
    assert [(index, item.id, data) for index, item, data in results] == [
        (number, number, b"%d" % number) for number in range(50)
    ]


def test_no_photos():
    assert list(read_ahead([], READ)) == []


def test_one_bad_photo_takes_its_own_place_only():
    photos = [photo(0), RefusedPhoto(1, "x", "refused"), photo(2)]
    results = [data for _, _, data in read_ahead(photos, READ)]
    assert results[0] == b"0"
    assert isinstance(results[1], FetchError)
    assert results[2] == b"2"


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("a\nb"), UnicodeError(), MemoryError(), KeyError(1)]
)
def test_what_nobody_foresaw_takes_the_place_of_its_photo_only(error):
    def read(item):
        if item.id == 1:
            raise error
        return item.read()

    results = [data for _, _, data in read_ahead(map(photo, range(3)), read)]
    assert results[0] == b"0"
    assert isinstance(results[1], PhotoError)
    assert type(error).__name__ in str(results[1])
    assert "\n" not in str(results[1])
    assert results[2] == b"2"


def test_errors_of_the_listing_the_cache_or_the_user_are_raised():
    def listing():
        yield photo(0)
        raise OSError("the listing broke")

    def reading(error):
        def read(_photo):
            raise error

        return read

    with pytest.raises(OSError, match="the listing broke"):
        list(read_ahead(listing(), READ))
    with pytest.raises(CacheError):
        list(read_ahead([photo(0)], reading(CacheError("full"))))
    with pytest.raises(KeyboardInterrupt):
        list(read_ahead([photo(0)], reading(KeyboardInterrupt())))


class SizedPhoto(Photo):
    """Tells its size, or does not."""

    def __init__(self, number, size, told):
        super().__init__(number, f"<{number}>")
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "told", told)

    @property
    def expected_bytes(self):
        return self.size if self.told else None

    def _read(self):
        return bytes(self.size)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("size", [10, 200_000, 3_000_000])
def test_what_waits_stays_within_the_budget(monkeypatch, told, size):
    monkeypatch.setattr("grouping.execution.read_ahead.UNKNOWN_BYTES", 100_000)
    budget, lock, held, most = 1_000_000, threading.Lock(), [0], []

    def read(item):
        with lock:
            held[0] += item.size
            most.append(held[0])
        return item.read()

    photos = (SizedPhoto(number, size, told) for number in range(60))
    results = read_ahead(photos, read, budget=budget)
    next(results)
    time.sleep(0.1)  # all that may be read ahead is
    for _ in results:
        held[0] -= size
        time.sleep(0.002)
    bound = max(budget, size) + size  # what waits, and what the caller works on
    assert max(most if told else most[30:]) <= bound
    assert max(most) <= max(bound, 11 * size)  # until it was learned what is not told
    assert len(most) == 60


@pytest.mark.parametrize(("ahead", "readers", "budget"), [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_numbers_below_one(ahead, readers, budget):
    with pytest.raises(ConfigError):
        read_ahead([], READ, ahead=ahead, readers=readers, budget=budget)


@pytest.mark.parametrize(("ahead", "readers"), [(1, 1), (5, 3), (3, 20)])
def test_an_endless_listing_is_read_only_so_far_ahead(ahead, readers):
    asked, read, at_once, most = [], [], [], []
    lock = threading.Lock()

    def listing():
        for number in count():
            asked.append(threading.current_thread())
            yield photo(number)

    def reading(item):
        with lock:
            at_once.append(item)
            most.append(len(at_once))
        time.sleep(0.002)
        with lock:
            at_once.remove(item)
            read.append(item.id)
        return item.id

    results = read_ahead(listing(), reading, ahead=ahead, readers=readers)
    for taken, (index, _, _) in enumerate(islice(results, 30), 1):
        assert index == taken - 1
        assert len(asked) <= taken + ahead
    results.close()
    assert set(asked) == {threading.current_thread()}
    assert max(most) <= min(readers, ahead)
    assert len(read) <= 30 + ahead


def test_waiting_and_working_overlap():
    """40 reads of 50 ms, 4 at a time, and 40 steps of work of 12.5 ms: 0.5 s each alone."""

    def read(item):
        time.sleep(0.05)
        return item.id

    start = time.monotonic()
    for _ in read_ahead(map(photo, range(40)), read, ahead=8, readers=4):
        time.sleep(0.0125)
    assert time.monotonic() - start < 0.85  # 1.0 were they to take turns


@pytest.mark.slow
@pytest.mark.parametrize("work", [0.02, 0.05, 0.1])
def test_overlap_costs_at_most_15_percent(work):
    """Against the larger of reading alone (50 ms a photo) and working alone."""

    def read(item):
        time.sleep(0.4)
        return item.id

    start = time.monotonic()
    for _ in read_ahead(map(photo, range(200)), read, readers=8):
        time.sleep(work)
    assert time.monotonic() - start <= 1.15 * 200 * max(work, 0.4 / 8)


def test_a_stop_is_noticed_while_a_read_is_waited_for():
    stop, silence = threading.Event(), threading.Event()
    threading.Timer(0.1, stop.set).start()
    start = time.monotonic()
    assert list(read_ahead([photo(0)], lambda _: silence.wait(30), stop=stop)) == []
    assert time.monotonic() - start < 2
    silence.set()


def reading_threads(before=frozenset()):
    """Threads of ``read_ahead`` that were not there before."""
    return {thread for thread in threading.enumerate() if thread.name == NAME} - before


def test_threads_end_when_the_caller_stops():
    before = frozenset(reading_threads())  # of other tests, about to end
    results = read_ahead(map(photo, count()), READ, readers=6)
    next(results)
    assert len(reading_threads(before)) == 6
    results.close()
    give_up = time.monotonic() + 5
    while reading_threads(before) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert not reading_threads(before)


@pytest.mark.usefixtures("short_pauses")
def test_one_request_in_five_failing_loses_nothing():
    body = b"x" * 1000
    options = HttpOptions(allowed=("127.0.0.1",), read_timeout=0.3)
    with FaultyServer() as server:
        faults = [drops, stalls(0.5), sends(b"", 503)]
        for number in range(60):
            path = f"/{number}"
            server.answers[path] = sends(body)
            if number % 5 == 0:
                server.answers[path] = first(1, faults[number // 5 % 3], sends(body))
        photos = (HttpPhoto(n, "", server.url(f"/{n}"), options) for n in range(60))
        assert [data for _, _, data in read_ahead(photos, READ)] == [body] * 60
        assert sum(server.requests.values()) == 72


FIRST_USE = """
import sys
from grouping.sources.web.http_photo import HttpOptions, HttpPhoto
from grouping.execution.read_ahead import read_ahead
from grouping.sources.s3_photo import S3Photo
from grouping.storage.s3.client import S3Options
http = HttpOptions(allowed=("127.0.0.1",))
s3 = S3Options(endpoint_url=sys.argv[1], anonymous=True)
photos = [HttpPhoto(0, "", sys.argv[1] + "/b/k", http), S3Photo(1, "", "b", "k", s3)] * 8
print({data for _, _, data in read_ahead(photos, lambda photo: photo.read(), readers=16)})
"""


def test_libraries_may_be_first_used_by_many_threads_at_once():
    """A library that loads in several threads at once can be found half loaded."""
    with FaultyServer() as server:
        server.answers["/b/k"] = sends(b"x")
        run = subprocess.run(
            [sys.executable, "-c", FIRST_USE, server.url("")],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert run.stdout == "{b'x'}\n", run.stderr


INTERRUPTED = """
import sys
from grouping.sources.web.http_photo import HttpOptions, HttpPhoto
from operator import methodcaller
from grouping.execution.read_ahead import read_ahead
READ = methodcaller("read")
options = HttpOptions(allowed=("127.0.0.1",), read_timeout=60)
urls = [sys.argv[1] + ("/quick" if n < 3 else "/silent") for n in range(99)]
try:
    for _ in read_ahead((HttpPhoto(url, "", url, options) for url in urls), READ):
        print("one", flush=True)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_does_not_wait_for_a_server_that_is_silent():
    with FaultyServer() as server:
        server.answers["/quick"] = sends(b"x")
        server.answers["/silent"] = stalls(60)
        run = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, server.url("")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert run.stdout.readline() == b"one\n"
        time.sleep(0.2)
        start = time.monotonic()
        run.send_signal(signal.SIGINT)
        assert run.wait(10) == 130
        assert time.monotonic() - start < 2
        run.stdout.close()
