"""Listing folders, files and addresses of a command line."""

import pytest

from grouping.errors import SourceError
from grouping.sources.entries import SourceOptions
from grouping.sources.listing import list_sources
from tests.helpers.photo_files.folders import touch


def test_a_missing_folder_is_an_error_before_anything_is_read(tmp_path):
    touch(tmp_path, "a.jpg")
    with pytest.raises(SourceError, match="nowhere does not exist"):
        list_sources([tmp_path, tmp_path / "nowhere"])


def test_a_file_named_outright_needs_no_suffix(tmp_path):
    touch(tmp_path, "scan", "sub/b.jpg")
    photos = list_sources([tmp_path / "scan", str(tmp_path / "sub")])
    assert [photo.path for photo in photos] == [tmp_path / "scan", tmp_path / "sub" / "b.jpg"]


def test_listing_a_command_line_address_shows_no_secret():
    (photo,) = list_sources(["https://a.example/k.jpg?Signature=abc"], options=SourceOptions())
    assert photo.id == photo.location == "https://a.example/k.jpg?..."
