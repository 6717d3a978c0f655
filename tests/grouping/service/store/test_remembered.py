"""An answer is asked for again once it is too old; what failed is not remembered."""

import threading
import time

import pytest

from grouping.service.store.remembered import Remembered


def test_asked_again_only_once_it_is_too_old():
    now, asked = [0.0], []

    def ask():
        asked.append(now[0])
        return len(asked)

    remembered = Remembered(ask, 2.0, lambda: now[0])
    found = []
    for now[0] in (0.0, 1.0, 1.9, 2.0, 3.5, 4.0):
        found.append(remembered())
    assert found == [1, 1, 1, 2, 2, 3]
    assert asked == [0.0, 2.0, 4.0]


def test_what_fails_is_asked_again():
    answers = [ValueError("gone"), 7]

    def ask():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    remembered = Remembered(ask)
    with pytest.raises(ValueError, match="gone"):
        remembered()
    assert remembered() == 7


def test_many_threads_ask_once():
    asked = []

    def ask():
        asked.append(1)
        time.sleep(0.05)
        return 1

    remembered = Remembered(ask, 60.0)
    threads = [threading.Thread(target=remembered) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1
