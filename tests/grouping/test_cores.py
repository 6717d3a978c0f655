"""Cores are those of the affinity and of the container's quota."""

import math
import os

from grouping.cores import _quota, usable_cores


def test_usable_cores_are_no_more_than_the_affinity_allows():
    assert 1 <= usable_cores() <= len(os.sched_getaffinity(0))


def test_the_least_quota_of_all_groups_above_counts(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("0::/a/b\n3:cpu,cpuacct:/x\n")
    assert _quota(own, tmp_path) == math.inf
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "cpu.max").write_text("max 100000\n")
    (tmp_path / "a" / "cpu.max").write_text("150000 100000\n")
    assert _quota(own, tmp_path) == 1.5
    old = tmp_path / "cpu" / "x"
    old.mkdir(parents=True)
    (old / "cpu.cfs_quota_us").write_text("50000")
    (old / "cpu.cfs_period_us").write_text("100000")
    assert _quota(own, tmp_path) == 0.5
