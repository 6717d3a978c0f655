"""Cores are those of the affinity and of the container's quota."""

import math
import os
import sys

import pytest

from grouping.cores import core_quota, usable_cores


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the affinity")
def test_usable_cores_are_no_more_than_the_affinity_allows():
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


def test_the_least_quota_of_all_groups_above_counts(tmp_path):
    own = tmp_path / "proc" / "self" / "cgroup"
    groups = tmp_path / "sys" / "fs" / "cgroup"
    own.parent.mkdir(parents=True)
    own.write_text("0::/a/b\n3:cpu,cpuacct:/x\n")
    assert core_quota(tmp_path) == math.inf
    inner = groups / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("max 100000\n")
    (groups / "a" / "cpu.max").write_text("150000 100000\n")
    assert core_quota(tmp_path) == 1.5
    old = groups / "cpu" / "x"
    old.mkdir(parents=True)
    (old / "cpu.cfs_quota_us").write_text("-1")
    (old / "cpu.cfs_period_us").write_text("100000")
    assert core_quota(tmp_path) == 1.5
    (old / "cpu.cfs_quota_us").write_text("50000")
    assert core_quota(tmp_path) == 0.5
