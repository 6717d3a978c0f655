"""The commands of the command line: which one is meant, what it answers, its exit code."""

import logging

import pytest

from grouping.cli import main as cli
from grouping.cli.main import build_parser, main
from grouping.cli.options import command_of, output_options_from
from grouping.cli.outputs import OutputOptions
from grouping.export.export import ExportOptions
from grouping.storage.cache import Cache


@pytest.fixture(autouse=True)
def _log_as_before():
    """Take back the handler that a run sets up, which would write to a closed stream."""
    log = logging.getLogger()
    handlers, level = log.handlers[:], log.level
    yield
    log.handlers[:] = handlers
    log.setLevel(level)


def parsed(*words):
    return build_parser().parse_args(cli._with_command(words))


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["album", "--out", "x"], "group"),
        (["--out", "x", "album", "--threshold", "0.5"], "group"),
        (["-v", "album", "--out", "x"], "group"),
        (["--out", "x", "--", "-odd name"], "group"),
        (["group", "album", "--out", "x"], "group"),
        (["./group", "./report", "--out", "x"], "group"),
        (["album", "report", "--out", "erase"], "group"),
        (["group", "forget", "--out", "x"], "group"),
        (["report", "x"], "report"),
        (["forget", "a.jpg", "b.jpg", "--out", "x"], "forget"),
        (["--out", "x", "--forget", "a.jpg", "b.jpg"], "forget"),
        (["erase", "--cache", "x.sqlite"], "erase"),
        (["--erase", "--out", "x"], "erase"),
    ],
)
def test_which_command_is_meant(words, command):
    assert command_of(parsed(*words)) == command


def test_the_default_command_takes_the_same_options():
    words = ["album", "--out", "x", "--min-photos", "3", "--no-flip", "--s3-region", "eu"]
    named, unnamed = vars(parsed("group", *words)), vars(parsed(*words))
    assert {**named, "usage_error": None} == {**unnamed, "usage_error": None}
    assert parsed("./group", "report", "--out", "x").sources == ["./group", "report"]


def test_photos_to_forget_are_the_same_in_both_spellings():
    for words in (["forget", "a", "b", "--out", "x"], ["--out", "x", "--forget", "a", "b"]):
        assert (parsed(*words).photos, parsed(*words).out) == (["a", "b"], "x")


def test_output_options():
    assert output_options_from(parsed("album", "--out", "x")) == OutputOptions()
    chosen = parsed("report", "x", "--no-plots", "--folders", "copy", "--zip", "--xmp")
    wanted = OutputOptions(plots=False, export=ExportOptions("copy", archive=True, sidecars=True))
    assert output_options_from(chosen) == wanted


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
