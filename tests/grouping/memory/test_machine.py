"""The least of what is built in, of control groups of both versions, and of limits of the shell."""

import resource
import subprocess
import sys

import pytest

from grouping.memory.machine import group_limits, machine_memory
from tests.helpers.paths import ROOT

UNLIMITED = "9223372036854771712\n"


def system(root, groups, **limits):
    """A file system with control groups; names of files have __ for / and _dot_ for ."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(groups)
    for name, text in limits.items():
        file = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def test_version_2_is_walked_upwards(tmp_path):
    root = system(
        tmp_path,
        "0::/a/b\n",
        a__b__memory_dot_max="max\n",
        a__memory_dot_max="700000000\n",
        a__memory_dot_high="600000000\n",
        other__memory_dot_max="5\n",
    )
    assert sorted(group_limits(root)) == [600_000_000, 700_000_000]
    assert machine_memory(root) == 600_000_000


def test_version_1_knows_memory_by_its_name(tmp_path):
    root = system(
        tmp_path,
        "5:cpu:/x\n4:memory:/docker/0123\n0::/\n",
        memory__memory_dot_limit_in_bytes="400000000\n",  # the container's own view of its group
        cpu__x__memory_dot_limit_in_bytes="7\n",
    )
    assert list(group_limits(root)) == [400_000_000]
    (root / "sys/fs/cgroup/memory/memory.limit_in_bytes").write_text(UNLIMITED)
    assert machine_memory(root) < 2**50  # what is built in


@pytest.mark.parametrize(
    "groups", ["", "nonsense\n", "0::/../../etc\n", "4:memory\n", "0::" + "/a" * 5000]
)
def test_odd_lists_of_groups_are_no_limit(tmp_path, groups):
    root = system(tmp_path / "root", groups)
    (tmp_path / "memory.max").write_text("3")
    assert list(group_limits(root)) == []


@pytest.mark.parametrize("name", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_a_limit_of_the_process_counts(name):
    code = "from grouping.memory.machine import machine_memory; print(machine_memory())"
    most = 3 * 2**30
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(getattr(resource, name), (most, most)),
    )
    assert 0 < int(run.stdout) <= most
