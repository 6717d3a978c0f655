"""What each machine has done, as it is logged; no cluster is needed to count."""

import logging

import numpy as np
import pytest

from grouping.execution.on_ray import tally as module
from grouping.execution.on_ray.tally import Tally
from grouping.records import PhotoFaces
from grouping.stage_clock import StageClock, StageCost, measure_stages
from tests.helpers.vectors import face_set, hard_vectors


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, logger=module.__name__)
    return lambda: [record.fields for record in caplog.records]


@pytest.fixture
def clock():
    clock = StageClock()
    measure_stages(clock)
    yield clock
    measure_stages(None)


def photo_with(faces):
    vectors = hard_vectors(max(faces, 1), 0)[0][:faces]
    return PhotoFaces(64, 48, face_set(vectors, np.zeros(faces, np.int64)))


def test_photos_and_faces_are_counted_by_machine(said):
    tally = Tally()
    for node, faces in (("east", 2), ("west", 0), ("east", 1)):
        tally.count(node, photo_with(faces))
    tally.say_all()
    east, west = said()
    assert (east["node"], east["photos"], east["faces"]) == ("east", 2, 3)
    assert (west["node"], west["photos"], west["faces"]) == ("west", 1, 0)
    assert not [name for name in east if name.endswith("_seconds")]  # nobody measures them


def test_seconds_are_summed_by_stage_and_go_into_the_profile(said, clock):
    tally = Tally()
    for node, seconds in (("east", 0.5), ("west", 2.0), ("east", 0.25)):
        tally.count(node, photo_with(0))
        tally.spent(node, (StageCost("search", 2, seconds, seconds / 2),))
    tally.say_all()
    east, west = said()
    assert east["search_seconds"] == 0.75
    assert west["search_seconds"] == 2.0
    (cost,) = clock.costs()
    assert (cost.stage, cost.calls, cost.seconds, cost.cpu_seconds) == ("search", 6, 2.75, 1.375)


def test_all_machines_are_told_of_now_and_then(said, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    tally = Tally()
    tally.count("east", photo_with(1))
    tally.count("west", photo_with(0))
    assert said() == []
    now[0] += module.LOG_SECONDS + 10
    tally.count("east", photo_with(1))
    assert [(line["node"], line["photos"]) for line in said()] == [("east", 2), ("west", 1)]
    assert said()[0]["photos_per_second"] == 0.05
    tally.count("east", photo_with(1))
    assert len(said()) == 2
