"""Options of the commands, and the settings they make."""

import pytest

from grouping.api.albums.outputs import OutputOptions
from grouping.cli import main as cli
from grouping.cli.main import build_parser, command_of
from grouping.cli.options import output_options_from
from grouping.export.export import ExportOptions


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


def test_mirror_images_are_for_all_faces_for_none_or_where_they_pay():
    flips = [
        parsed("album", "--out", "x", *words).flip for words in ([], ["--flip"], ["--no-flip"])
    ]
    assert flips == ["auto", True, False]


def test_photos_to_forget_are_the_same_in_both_spellings():
    for words in (["forget", "a", "b", "--out", "x"], ["--out", "x", "--forget", "a", "b"]):
        assert (parsed(*words).photos, parsed(*words).out) == (["a", "b"], "x")


def test_output_options():
    assert output_options_from(parsed("album", "--out", "x")) == OutputOptions()
    chosen = parsed("report", "x", "--no-plots", "--folders", "copy", "--zip", "--xmp")
    wanted = OutputOptions(plots=False, export=ExportOptions("copy", archive=True, sidecars=True))
    assert output_options_from(chosen) == wanted
