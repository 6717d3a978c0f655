"""The commands of the command line: which one is meant, what it answers, its exit code."""

import logging

import pytest

from grouping.cli import main as cli
from grouping.cli.main import main
from grouping.storage.cache import Cache


@pytest.fixture(autouse=True)
def _log_as_before():
    """Take back the handler that a run sets up, which would write to a closed stream."""
    log = logging.getLogger()
    handlers, level = log.handlers[:], log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--out"),
        (["group", "--out", "x"], "SOURCE"),
        (["--out", "x"], "SOURCE"),
        (["album", "--out", ""], "empty"),
        (["", "--out", "x"], "empty"),
        (["album", "--out", "x", "--erase"], "no SOURCE"),
        (["album", "--out", "x", "--forget", "a.jpg"], "no SOURCE"),
        (["forget", "--out", "x"], "PHOTO"),
        (["forget", "a.jpg"], "--cache"),
        (["erase"], "--cache"),
        (["erase", "--out", ""], "empty"),
        (["erase", "a.jpg", "--out", "x"], "a.jpg"),
        (["report"], "DIR"),
        (["album", "--out", "x", "--max-failures", "nan"], "no number from 0 to 100"),
        (["album", "--out", "x", "--max-failures=-5"], "no number from 0 to 100"),
        (["represent", "album", "--json", "--max-failures", "few"], "no number from 0 to 100"),
    ],
)
def test_usage_errors(words, said, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--version"], ["album", "--version"]])
def test_version(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("group-faces ")


def test_help_of_the_program_and_of_each_command(capsys):
    for words, said in (
        (["--help"], ["group", "report", "forget", "erase", "--threshold", "exit codes"]),
        (["group", "--help"], ["--threshold", "SOURCE"]),
        (["report", "--help"], ["--folders", "groups.json"]),
        (["forget", "--help"], ["PHOTO", "--cache"]),
        (["extract", "--help"], ["PHOTO", "--out", "--json"]),
        (["represent", "--help"], ["SOURCE", ".parquet", "--cache", "--workers"]),
        (["verify", "--help"], ["--picture", "unsure"]),
        (["erase", "--help"], ["--cache"]),
    ):
        with pytest.raises(SystemExit) as end:
            main(words)
        text = capsys.readouterr().out
        assert end.value.code == 0
        assert [word for word in said if word not in text] == []


def test_erase_and_forget_by_name(tmp_path, capsys):
    for words in (["erase"], ["forget", "a.jpg"]):
        assert main([*words, "--out", str(tmp_path / "typo")]) == cli.KNOWN_ERROR
        assert "no cache" in capsys.readouterr().err
    Cache.open(tmp_path / "cache.sqlite").close()
    assert main(["forget", "a.jpg", "--out", str(tmp_path)]) == cli.KNOWN_ERROR
    assert "nothing was forgotten" in capsys.readouterr().err
    assert main(["erase", "--cache", str(tmp_path / "cache.sqlite")]) == cli.DONE
    assert "erased" in capsys.readouterr().out


def test_a_report_of_nothing_is_a_known_error(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == cli.KNOWN_ERROR
    assert "groups.json" in capsys.readouterr().err
