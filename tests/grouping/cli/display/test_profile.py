"""``--profile`` says where the time of a run went."""

import re

import pytest

from grouping.cli.display.profile import profile_table
from grouping.cli.main import main
from grouping.stage_clock import StageCost, stage_clock
from tests.helpers.paths import PHOTOS

PHOTO_STAGES = ("read", "decode", "search", "judge", "embed", "keep")


@pytest.mark.parametrize("workers", ["0", "2"])
def test_each_stage_of_a_run_is_there_with_its_seconds(tmp_path, capsys, monkeypatch, workers):
    monkeypatch.setattr("grouping.execution.collector.FEW_PHOTOS", 2)
    out = tmp_path / "out"
    arguments = [str(PHOTOS), "--out", str(out), "--workers", workers, "--profile"]
    assert main(arguments) == 0
    said = capsys.readouterr().err
    rows = dict(re.findall(r"^(\w+) +\d+ +(\d+\.\d\d) +\d+\.\d\d$", said, re.MULTILINE))
    assert set(rows) >= {*PHOTO_STAGES, "group", "map", "pictures"}
    assert float(rows["search"]) > 0
    assert re.search(r"^whole run +\d", said, re.MULTILINE)
    assert stage_clock() is None  # the next command is not measured


def test_the_table_is_aligned():
    table = profile_table([StageCost("decode", 12, 1.5, 1.25)], 3.0)
    assert [len(line) for line in table.splitlines()] == [40, 40, 30]
