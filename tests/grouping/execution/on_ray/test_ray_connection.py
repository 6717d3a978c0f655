"""One connection for all who use it at a time, or one after the other; no cluster is needed."""

import pytest

from grouping.config import GroupingConfig
from grouping.errors import GroupingError
from grouping.execution.on_ray import cluster
from grouping.execution.on_ray.cluster import connected, kept_connected
from grouping.execution.tasks_elsewhere import on_one_cluster

pytest.importorskip("ray", reason="the extra 'ray' is not installed")


@pytest.fixture
def calls(monkeypatch):
    """What was done to the connection."""
    made = []
    monkeypatch.setattr(cluster, "_connect", lambda *_: made.append("connect"))
    monkeypatch.setattr(cluster, "_disconnect", lambda _: made.append("disconnect"))
    return made


ONCE = ["connect", "disconnect"]


def use():
    with connected(None, 1):
        pass


def test_blocks_within_each_other_share_it(calls):
    with connected(None, 1):
        use()
        assert calls == ["connect"]
    assert calls == ONCE


def test_blocks_one_after_the_other_share_it_where_it_is_kept(calls):
    with kept_connected():
        use()
        use()
        assert calls == ["connect"]
    assert calls == ONCE
    use()
    assert calls == ONCE * 2


def test_nobody_connects_for_nothing(calls):
    with kept_connected():
        pass
    assert calls == []


def use_and_fail(error):
    with kept_connected():
        use()
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_it_ends_whatever_ends_the_block(calls, error):
    with pytest.raises(error):
        use_and_fail(error)
    assert calls == ONCE


def test_whoever_keeps_it_the_longest_ends_it(calls):
    first, second = kept_connected(), kept_connected()
    first.__enter__()
    second.__enter__()
    use()
    first.__exit__(None, None, None)
    assert calls == ["connect"]
    second.__exit__(None, None, None)
    assert calls == ONCE


def test_a_connection_that_failed_is_tried_again(calls, monkeypatch):
    def fail(*_):
        raise GroupingError("there is none")

    with kept_connected():
        monkeypatch.setattr(cluster, "_connect", fail)
        with pytest.raises(GroupingError):
            use()
        monkeypatch.setattr(cluster, "_connect", lambda *_: calls.append("connect"))
        use()
    assert calls == ONCE


class Runs:
    def __init__(self, backend):
        self.config = GroupingConfig(backend=backend)

    @on_one_cluster
    def run(self, times, *, result):
        for _ in range(times):
            use()
        return result


def test_a_run_connects_once(calls):
    assert Runs("ray").run(3, result="done") == "done"
    assert calls == ONCE


def test_a_run_on_this_machine_keeps_none(calls):
    assert Runs("local").run(2, result="done") == "done"
    assert calls == ONCE * 2
