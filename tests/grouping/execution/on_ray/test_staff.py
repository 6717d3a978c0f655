"""How many workers a machine has, and what each may take; no cluster is needed to know."""

import pytest

from grouping.errors import ConfigError
from grouping.execution.on_ray.cluster import Node
from grouping.execution.on_ray.staff import staff_of

WEIGHTS = 5 * 2**20
GIB = 2**30


def node(cpus=8, gpus=0, memory=32 * GIB):
    return Node("1f", "east (10.0.0.7, 1f)", cpus, gpus, memory)


def test_one_worker_a_core_where_memory_holds_them():
    staff = staff_of(node(), "cpu", None, WEIGHTS)
    assert (staff.count, staff.cpus, staff.gpus) == (8, 1, 0)
    assert staff.budget.workers == 8


@pytest.mark.parametrize("memory", [1, 2, 3, 4, 6])
def test_where_memory_is_short_fewer_workers_share_the_cores(memory):
    staff = staff_of(node(memory=memory * GIB), "cpu", None, WEIGHTS)
    assert 1 <= staff.count < 8
    assert staff.count * staff.cpus <= 8 < staff.count * (staff.cpus + 1)
    assert staff.budget.total == memory * GIB


def test_one_worker_a_gpu_where_these_are_to_be_used():
    for device in ("auto", "cuda", "cuda:1"):
        staff = staff_of(node(gpus=2), device, None, WEIGHTS)
        assert (staff.count, staff.cpus, staff.gpus) == (2, 4, 1), device
    staff = staff_of(node(gpus=2), "cpu", None, WEIGHTS)
    assert (staff.count, staff.cpus, staff.gpus) == (8, 1, 0)


def test_a_machine_without_cores_has_no_workers():
    assert staff_of(node(cpus=0), "auto", None, WEIGHTS).count == 0


def test_the_settings_say_what_a_machine_may_take_before_ray_does():
    given = staff_of(node(memory=32 * GIB), "cpu", 2 * GIB, WEIGHTS)
    assert given.budget.total == 2 * GIB


def test_too_little_memory_is_refused_with_the_name_of_the_machine():
    with pytest.raises(ConfigError, match=r"^node east \(10\.0\.0\.7, 1f\): memory .*least"):
        staff_of(node(memory=50 * 2**20), "cpu", None, WEIGHTS)
