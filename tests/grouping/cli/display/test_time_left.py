"""When a whole run will be done, told by a clock that the test turns."""

import pytest

from grouping.cli.display import time_left
from grouping.cli.display.time_left import COSTS, SECONDS_A_PHOTO, TimeLeft, about
from grouping.records import GROUPING, MAP, SHEETS, THUMBNAILS

AFTER = (SHEETS, GROUPING, THUMBNAILS, MAP)  # the order is that of the run, whatever is named first


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(time_left.time, "monotonic", clock)
    return clock


def expected(names, photos, faces, analysed=True):
    """Photos that are analysed have their thumbnails by then."""
    names = [name for name in names if not (analysed and name == THUMBNAILS)]
    return sum(COSTS[name].seconds(photos, faces) for name in names)


def do_photos(left, clock, count, total, seconds, faces=2, begin=0):
    for done in range(begin + 1, begin + count + 1):
        clock.now += seconds
        left.photos(done, faces * done, total)


def test_photos_by_their_rate_and_the_rest_by_its_cost(clock):
    left = TimeLeft(AFTER)
    do_photos(left, clock, 100, 1000, SECONDS_A_PHOTO)
    rest = expected(AFTER, 1000, 2000)
    assert left.seconds == pytest.approx(900 * SECONDS_A_PHOTO + rest, rel=0.02)


def test_a_machine_that_is_three_times_slower_is_so_with_the_rest(clock):
    left = TimeLeft(AFTER)
    do_photos(left, clock, 100, 100, 3 * SECONDS_A_PHOTO)
    assert left.seconds == pytest.approx(3 * expected(AFTER, 100, 200), rel=0.02)


def test_photos_from_the_cache_say_nothing_of_the_machine(clock):
    left = TimeLeft(AFTER)
    do_photos(left, clock, 10_000, 10_000, 0.001)
    rest = expected(AFTER, 10_000, 20_000, analysed=False)
    assert left.seconds == pytest.approx(rest, rel=0.02)


def test_four_processes_are_no_faster_machine(clock):
    left = TimeLeft(AFTER, processes=4)
    do_photos(left, clock, 400, 400, SECONDS_A_PHOTO / 4)
    assert left.seconds == pytest.approx(expected(AFTER, 400, 800), rel=0.02)


def test_the_rate_is_that_of_late(clock):
    """First photos of an earlier run at once, then new ones."""
    left = TimeLeft()
    do_photos(left, clock, 5000, 6000, 0.0001)
    do_photos(left, clock, 600, 6000, 1.0, begin=5000)
    assert left.seconds == pytest.approx(400, rel=0.05)


def test_nothing_is_said_where_nobody_can_tell(clock):
    left = TimeLeft(AFTER)
    assert left.seconds is None
    assert str(left) == ""
    do_photos(left, clock, 9, 1000, 10)  # few photos
    assert left.seconds is None
    do_photos(left, clock, 1, 1000, 10, begin=9)
    assert left.seconds is not None
    quick = TimeLeft(AFTER)
    do_photos(quick, clock, 100, 1000, 0.01)  # few seconds
    assert quick.seconds is None
    unknown = TimeLeft(AFTER)
    do_photos(unknown, clock, 100, None, 1)  # of how many?
    assert unknown.seconds is None


def test_stages_go_by_the_rate_they_have_and_what_is_over_counts_no_more(clock):
    left = TimeLeft(AFTER)
    do_photos(left, clock, 100, 100, SECONDS_A_PHOTO)
    left.stage(GROUPING, 0, 1)
    rest = expected((MAP, THUMBNAILS, SHEETS), 100, 200)
    assert left.seconds == pytest.approx(rest + expected([GROUPING], 100, 200), rel=0.02)
    clock.now += 3600  # far longer than it should: the rest is not less than nothing
    left.stage(GROUPING, 0, 1)
    assert left.seconds == pytest.approx(rest, rel=0.02)
    left.stage(GROUPING, 1, 1)
    left.stage(THUMBNAILS, 0, 100)  # the map is over by then, or was there
    for done in range(1, 51):
        clock.now += 2
        left.stage(THUMBNAILS, done, 100)
    assert left.seconds == pytest.approx(100 + expected([SHEETS], 100, 200), rel=0.02)
    left.stage(SHEETS, 0, 1)
    left.stage(SHEETS, 1, 1)
    assert left.seconds == 0


def test_a_stage_without_a_cost_goes_by_its_rate_alone(clock):
    left = TimeLeft((GROUPING,))
    do_photos(left, clock, 100, 100, SECONDS_A_PHOTO)
    for done in range(11):
        left.stage("regions in photos", done, 20)
        clock.now += 1
    assert left.seconds == pytest.approx(10 + expected([GROUPING], 100, 200), rel=0.05)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a minute"),
        (59, "less than a minute"),
        (61, "about 1 min"),
        (290, "about 5 min"),
        (1300, "about 20 min"),
        (3550, "about 1 h"),
        (4200, "about 1 h 10 min"),
        (3600 * 5.4, "about 5 h 20 min"),
        (3600 * 13.4, "about 13 h"),
        (3600 * 71, "about 3 days"),
    ],
)
def test_times_are_said_no_more_exactly_than_they_are_known(seconds, words):
    assert about(seconds) == words
