"""The token bucket against a plain account of what flowed in and out."""

import random
import threading

import pytest

from grouping.service.safety.rate_limits import TokenBuckets


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_burst_then_the_rate():
    clock = Clock()
    buckets = TokenBuckets(per_minute=60, burst=5, clock=clock)
    assert [buckets.take("a") for _ in range(5)] == [0.0] * 5
    assert buckets.take("a") == pytest.approx(1.0)
    assert buckets.take("b") == 0.0  # another caller has a bucket of its own
    clock.now += 0.5
    assert buckets.take("a") == pytest.approx(0.5)
    clock.now += 0.5
    assert buckets.take("a") == 0.0
    clock.now += 3600
    assert sum(buckets.take("a") == 0.0 for _ in range(100)) == 5  # never more than the burst


def test_against_an_account_of_random_requests():
    clock, rng = Clock(), random.Random(7)
    buckets = TokenBuckets(per_minute=30, burst=4, clock=clock)
    level = 4.0
    for _ in range(5000):
        pause = rng.choice([0.0, 0.1, 1.0, 2.5, 30.0])
        clock.now += pause
        level = min(4.0, level + pause * 0.5)
        wanted = rng.choice([1, 2])
        wait = buckets.take("a", wanted)
        if abs(level - wanted) > 1e-9:
            assert (wait == 0.0) == (level > wanted)
        if wait == 0.0:
            level -= wanted
        else:
            assert wait == pytest.approx((wanted - level) / 0.5, abs=1e-6)


def test_memory_is_bounded_and_the_busy_are_kept():
    buckets = TokenBuckets(per_minute=1, burst=1, most=100, clock=Clock())
    buckets.take("busy")
    for number in range(10_000):
        buckets.take(f"caller {number}")
        assert buckets.take("busy") > 0
    assert len(buckets) == 100


def test_many_threads_share_one_bucket():
    buckets, taken = TokenBuckets(per_minute=1e-9, burst=500, clock=Clock()), []

    def work():
        taken.append(sum(buckets.take("a") == 0.0 for _ in range(200)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 500
