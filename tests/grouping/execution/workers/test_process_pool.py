"""Worker processes that are killed, fail, hang or are interrupted lose no work."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from grouping.errors import GroupingError, ModelError
from grouping.execution.workers import process_pool as module
from grouping.execution.workers.process_pool import ProcessPool
from tests.helpers.execution import work
from tests.helpers.paths import ROOT


def chunks(items, size=3):
    numbered = list(enumerate(items))
    return [numbered[i : i + size] for i in range(0, len(numbered), size)]


def run(items, start=work.by_instruction, count=2, size=3, **options):
    with ProcessPool(start, count, lambda reason: f"given up: {reason}", **options) as pool:
        results = list(pool.map(chunks(items, size)))
    positions = [position for position, _ in results]
    assert sorted(positions) == list(range(len(items)))  # each once, none lost
    return dict(results)


def test_every_item_is_worked_on_once():
    assert run(list(range(20))) == {i: i * i for i in range(20)}


def test_no_items_are_no_work():
    assert run([]) == {}


def test_a_killed_worker_loses_nothing(tmp_path):
    results = run([0, 1, f"die-once {tmp_path / 'died'}", 3, 4, 5, 6])
    assert results[2].startswith("die-once done")
    assert {i: r for i, r in results.items() if i != 2} == {i: i * i for i in (0, 1, 3, 4, 5, 6)}


def test_workers_killed_from_outside_lose_nothing():
    items = ["sleep 0.05"] * 30
    with ProcessPool(work.by_instruction, 2, str) as pool:
        results, first = {}, set(pool.pids)
        for position, result in pool.map(chunks(items)):
            if not results:
                for pid in first:
                    os.kill(pid, signal.SIGKILL)
            assert position not in results
            results[position] = result
        assert not first & set(pool.pids)
    assert set(results) == set(range(30))
    assert all(r.startswith("sleep done") for r in results.values())


def test_an_item_that_kills_twice_is_given_up_and_the_run_goes_on():
    results = run([0, "die", 2, 3, 4])
    assert "given up: the process working on it was killed, 2 times" in results[1]
    assert [results[i] for i in (0, 2, 3, 4)] == [0, 4, 9, 16]


def test_an_error_costs_only_the_item_that_raises_it():
    results = run([0, "raise bad pixel", 2, "refuse damaged", 4, 5])
    assert results[1] == "given up: ValueError: bad pixel, 2 times"
    assert "damaged" in results[3]
    assert [results[i] for i in (0, 2, 4, 5)] == [0, 4, 16, 25]


def test_an_error_of_the_run_ends_it():
    with pytest.raises(ModelError, match="out of memory"):
        run([0, "model out of memory"])


def test_a_worker_without_its_model_ends_the_run_with_the_reason():
    with pytest.raises(ModelError, match=r"x\.pth is missing"):
        run([1, 2], start=work.without_model)


def test_a_worker_that_cannot_start_ends_the_run_with_the_reason():
    with pytest.raises(GroupingError, match="RuntimeError: no such accelerator"):
        run([1, 2], start=work.cannot_start)


def test_processes_that_end_before_they_are_ready_are_not_started_for_ever():
    with pytest.raises(GroupingError, match="__main__"):
        run([1, 2, 3], start=work.EndsTheProcess())


def test_a_hung_worker_is_killed(monkeypatch):
    monkeypatch.setattr(module, "GRACE_SECONDS", 1.0)
    started = time.monotonic()
    results = run(["sleep 60", 2], size=1, item_seconds=0.5)
    assert "took far too long" in results[0]
    assert "killed, 2 times" in results[0]
    assert results[1] == 4
    assert time.monotonic() - started < 40


def test_items_are_taken_only_as_workers_are_free():
    taken = []

    def source():
        for chunk in chunks(list(range(40)), 2):
            taken.append(chunk)
            yield chunk

    done = 0
    with ProcessPool(work.square, 2, str) as pool:
        for _ in pool.map(source()):
            done += 1
            assert 2 * len(taken) <= done + 3 * 2  # two in flight, one being taken
    assert done == 40


def test_a_pool_works_in_a_thread_of_a_threaded_program():
    results = {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: run(list(range(6)), count=1)}))
        for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: {i: i * i for i in range(6)} for n in range(2)}


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_leaving_early_ends_the_processes_at_once():
    with ProcessPool(work.by_instruction, 2, str) as pool:
        pids = pool.pids
        results = pool.map(chunks([1, "sleep 60", "sleep 60"], 1))
        assert next(results) == (0, 1)
        started = time.monotonic()
    assert time.monotonic() - started < 10
    assert not any(alive(pid) for pid in pids)


def test_workers_leave_ctrl_c_to_the_parent():
    assert run(["sigint", 3])[0].startswith("sigint done")


PROGRAM = """
import sys
from grouping.execution.workers.process_pool import ProcessPool
from tests.helpers.execution import work

if __name__ == "__main__":
    try:
        with ProcessPool(work.by_instruction, 2, str) as pool:
            pids = pool.pids
            list(pool.map([[(0, "interrupt-parent")], [(1, "sleep 60")]]))
    except KeyboardInterrupt:
        print("interrupted", *pids)
"""


def test_ctrl_c_ends_the_run_and_its_processes(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    word, *pids = done.stdout.split()
    assert word == "interrupted"
    assert not any(alive(int(pid)) for pid in pids)
    assert done.stderr == ""
