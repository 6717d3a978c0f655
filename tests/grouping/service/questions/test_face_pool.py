"""Threads for questions: bounded at work, with a share of the cores each, late ones refused."""

import asyncio
import threading
import time

import pytest
import torch

from grouping.service.questions.face_pool import FacePool
from grouping.service.web.refusals import RefusedRequestError


def usual_threads():
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("threads", [1, 2, 50])
def test_each_thread_has_its_share_of_the_cores(threads):
    pool, usual = FacePool(threads, 9, 30.0), usual_threads()
    assert asyncio.run(pool.run(torch.get_num_threads)) == max(1, usual // threads)
    assert usual_threads() == usual
    pool.stop()


def test_no_more_are_at_work_than_there_are_threads():
    pool, now, most, lock = FacePool(2, 20, 30.0), [0], [0], threading.Lock()

    def work():
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return 7

    async def ask():
        return await asyncio.gather(*(pool.run(work) for _ in range(12)))

    assert asyncio.run(ask()) == [7] * 12
    pool.stop()
    assert most[0] == 2


def test_places_and_time_are_bounded_and_come_back():
    pool, go = FacePool(1, 1, 0.2), threading.Event()
    with pool.place():
        with pytest.raises(RefusedRequestError) as refused, pool.place():
            pass
        assert (refused.value.status, refused.value.code) == (429, "busy")
        with pytest.raises(RefusedRequestError) as late:
            asyncio.run(pool.run(go.wait))
        assert (late.value.status, late.value.headers["Retry-After"]) == (503, "1")
    go.set()
    with pool.place():
        assert asyncio.run(pool.run(lambda: 3)) == 3
    with pytest.raises(ZeroDivisionError):
        asyncio.run(pool.run(lambda: 1 // 0))
    pool.stop()
