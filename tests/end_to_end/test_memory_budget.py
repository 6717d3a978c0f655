"""Runs over photos that are large in memory keep to ``--memory``, and say what did not fit."""

import json
import sys
from pathlib import Path

import pytest

from tests.helpers.photo_files.worst_files import make_worst_files, run_within

MIB = 2**20
pytestmark = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason=f"no /proc of Linux on {sys.platform}"
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worst") / "photos"
    return folder, make_worst_files(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("memory", "workers"), [(900, 0), (900, 2), (2200, 2)])
def test_the_worst_files_stay_within_the_budget(photos, tmp_path, memory, workers):
    folder, count = photos
    code, peak, printed = run_within(memory * MIB, workers, folder, tmp_path / "out")
    assert code == 0, printed
    assert peak < memory * MIB
    assert ("hold 0 of 2 workers" in printed) == (memory == 900 and workers == 2)
    images = json.loads((tmp_path / "out/groups.json").read_text())["images"]
    assert len(images) == count
    errors = {Path(i["url"]).name: i["error"] for i in images if i.get("error")}
    assert all("--memory" in error for error in errors.values()), errors
    assert not [name for name in errors if name.endswith(("jpeg200.jpg", "heic.heic"))]
    if memory > 2000:
        assert not errors


def test_less_than_the_networks_need_is_one_line_at_the_start(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff")
    code, _, printed = run_within(50 * MIB, 0, folder, tmp_path / "out")
    assert code == 1
    assert "the least that works is" in printed
    assert len(printed.strip().splitlines()) == 1
