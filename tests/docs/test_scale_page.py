"""docs/scale.md says what its inputs give, and the simulation does what a schedule must."""

import math

import pytest

pytest.importorskip("ray", reason="the schedule is that of the Ray back end")

from grouping.execution.workers.photo_work import CHUNK
from tests.benchmarks.scale import scale_model
from tests.benchmarks.scale.scale_inputs import INPUTS, driver_parts, driver_seconds, photo_seconds
from tests.benchmarks.scale.scale_schedule import Cluster, Job, simulate
from tests.helpers.paths import ROOT


def test_the_tables_are_those_of_the_inputs():
    page = scale_model.PAGE.read_text()
    assert scale_model.with_tables(page) == page


def test_a_page_without_a_place_for_a_table_is_refused():
    with pytest.raises(ValueError, match="0 places"):
        scale_model.with_tables("# nothing")


def test_each_input_has_an_origin():
    for name, figure in INPUTS.items():
        command = figure.origin.strip("`").split()[0]
        known = figure.origin.startswith(("assumed: ", "512 of ")) or any(
            ROOT.rglob(command if command.endswith(".py") else f"{command}.py")
        )
        assert known, name
        assert figure.value > 0


def test_one_worker_analyses_without_a_pause():
    found = simulate(Job(400, 0.25, 1e6), Cluster(1, stream=1e8))
    first_read = CHUNK * 1e6 / 4e8
    assert found.seconds == pytest.approx(first_read + 400 * 0.25)


def test_workers_share_the_work():
    one, many = (simulate(Job(8_000, 0.25), Cluster(n, 10)).seconds for n in (1, 5))
    assert (one, many) == (pytest.approx(200, rel=0.01), pytest.approx(40, rel=0.03))


def test_a_driver_that_is_slow_decides():
    found = simulate(Job(40_000, 0.01, 0, 0.001, 0.003), Cluster(50, 16))
    assert found.seconds == pytest.approx(40_000 / CHUNK * 0.004, rel=0.02)
    assert found.driver == pytest.approx(1, rel=0.02)


def test_a_link_that_is_slow_decides():
    found = simulate(Job(4_000, 0.01, 1e6), Cluster(1, 8, link=1e7))
    assert found.seconds == pytest.approx(400, rel=0.1)


def test_the_whole_is_played_as_its_beginning_promises():
    cluster, read = Cluster(2, 4, start=5, latency=0.1, stream=1e8, link=1e9), 1e6
    whole = simulate(Job(20_000, 0.1, read, 0.001, 0.001, lost=((1e9, 0),)), cluster)
    guessed = simulate(Job(20_000, 0.1, read, 0.001, 0.001), cluster)
    assert guessed.seconds == pytest.approx(whole.seconds, rel=0.01)


def test_a_lost_node_loses_no_photo_and_only_what_it_had_in_flight():
    cluster = Cluster(2, 4, replaced=math.inf, noticed=3)
    found = simulate(Job(800, 0.25, 1.0, lost=((10, 1),)), cluster)
    assert found.again == 2 * 4
    assert found.read == 800 + 8 * CHUNK
    # Half of the work in the first ten seconds on two nodes, the rest on one.
    assert found.seconds == pytest.approx(10 + (800 - 320) * 0.25 / 4, rel=0.1)


def test_a_replaced_node_helps():
    lost = Job(8_000, 0.25, lost=((10, 1),))
    without, with_it = (
        simulate(lost, Cluster(2, 4, replaced=wait)).seconds for wait in (math.inf, 30.0)
    )
    assert with_it < 0.7 * without


def test_real_runs_were_predicted():
    """Within a quarter: what is not modelled is said on the page."""
    for nodes, _, real, played in scale_model.checked():
        assert 0.75 < played.seconds / real < 1.25, nodes


def test_hours_follow_from_cores_or_driver():
    read, done = driver_seconds()
    for nodes in scale_model.MACHINES:
        photos = 10_000_000
        found = simulate(scale_model.job(photos), scale_model.cluster(nodes)).seconds
        by_cores = photos * photo_seconds("camera") / (nodes * 16)
        by_driver = photos / CHUNK * (read + done)
        assert found == pytest.approx(max(by_cores, by_driver), rel=0.02)


def test_what_the_page_says_in_words():
    """Each sentence with a number under "What it means", and the one before it."""

    def took(photos, nodes):
        return simulate(scale_model.job(photos), scale_model.cluster(nodes)).seconds / 3600

    million = 1_000_000
    photos, pairs = million * photo_seconds("camera"), scale_model.pairs_of(2 * million)
    assert took(million, 1) < 8
    assert took(million, 5) < 1.1
    assert scale_model.driver_bytes(million) < 32e9 < scale_model.driver_bytes(1.3 * million)
    assert 45 < photos / (pairs * INPUTS["pair"].value) < 60
    assert took(10 * million, 5) < 10
    assert 230e9 < scale_model.driver_bytes(10 * million) < 256e9
    assert scale_model.driver_bytes(100 * million) == pytest.approx(2.5e12, rel=0.01)
    assert scale_model.driver_bytes(100_000) < 4.5e9
    assert 200_000 > scale_model.exact_faces() / 2 > 100_000
    assert 19 < 1 / scale_model.cluster_share(1) < 22
    web = photo_seconds("web") / photo_seconds("camera")
    assert 7.5 < web / scale_model.cluster_share(1) < 8.5
    assert 0.6 < driver_parts() / INPUTS["driver"].value < 0.75
