"""Everything to hand on, as it is asked for."""

import zipfile
from pathlib import Path

import pytest

from grouping.errors import ConfigError, FetchError
from grouping.export.export import ExportOptions, export
from tests.helpers.photo_files.folders import tree


def test_photos_that_are_gone_are_reported_and_the_rest_is_there(on_disk):
    result, open_photo, out = on_disk
    Path(result["images"][1]["url"]).unlink()

    def opener(i: int) -> bytes:
        if i == 1:
            raise FetchError("no such\nfile")
        return open_photo(i)

    done = export(result, out, opener, ExportOptions("link", archive=True))
    assert done.problems == ["p1.png: no such file"]
    assert len(tree(out / "people")) == 5
    assert len(zipfile.ZipFile(out / "people.zip").namelist()) == 5


def test_without_options_there_are_only_the_tables(on_disk):
    result, open_photo, out = on_disk
    assert export(result, out, open_photo).problems == []
    assert set(tree(out)) == {"faces.csv", "groups.csv"}


def test_an_unknown_mode_is_refused():
    with pytest.raises(ConfigError, match="none, link, copy"):
        ExportOptions(folders="move")
