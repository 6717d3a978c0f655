"""Seconds by stage, over processes."""

import multiprocessing
import threading
import time

import pytest

from grouping.stage_clock import StageClock, measure_stages, stage, stage_clock


@pytest.fixture
def clock():
    clock = StageClock()
    measure_stages(clock)
    yield clock
    measure_stages(None)


def test_nothing_is_counted_unless_asked():
    assert stage_clock() is None
    with stage("no such stage"):
        pass


def test_calls_and_seconds_of_a_stage_are_summed_in_the_order_of_the_stages(clock):
    for name in ("embed", "decode", "embed"):
        with stage(name):
            time.sleep(0.02)
    decode, embed = clock.costs()
    assert (decode.stage, decode.calls, embed.stage, embed.calls) == ("decode", 1, "embed", 2)
    assert 0.04 <= embed.seconds < 1
    assert embed.cpu_seconds < embed.seconds


def test_computing_counts_as_cpu_seconds(clock):
    with stage("search"):
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
    assert clock.costs()[0].cpu_seconds >= 0.05


def test_a_stage_that_fails_is_counted(clock):
    with pytest.raises(ValueError, match="bad"), stage("decode"):
        raise ValueError("bad")
    assert clock.costs()[0].calls == 1


def test_threads_and_processes_count_together(clock):
    processes = [
        multiprocessing.get_context("spawn").Process(target=_count, args=(clock, 50))
        for _ in range(2)
    ]
    threads = [threading.Thread(target=_count, args=(clock, 50)) for _ in range(2)]
    for runner in (*processes, *threads):
        runner.start()
    for runner in (*processes, *threads):
        runner.join()
    assert clock.costs()[0].calls == 200


def _count(clock, times):
    measure_stages(clock)
    for _ in range(times):
        with stage("read"):
            pass
