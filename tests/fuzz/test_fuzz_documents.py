"""A groups.json of any content: refused in one line, or all that is made of it gets made."""

import json
from pathlib import Path

import pytest

from grouping.errors import GroupingError, InputError
from grouping.export.export import ExportOptions, export
from grouping.report.report import write_report
from grouping.results.album import Album
from grouping.results.document import read_document
from grouping.results.person_ids import assign_ids, check_previous
from tests.helpers.fuzzing import VALUES, assert_one_line, damaged, edited, fuzz, short_and_long
from tests.helpers.results.gallery import gallery_album

DOCUMENT, OPEN_PHOTO = gallery_album()
TEXT = json.dumps(DOCUMENT).encode()
WORDS = (
    b"NaN",
    b"Infinity",
    b"1e999",
    b"-0",
    b"[" * 5000,
    b'{"a":',
    b'"\\ud800"',
    b"\xff",
    b"null",
)


def read_or_refused(path: Path):
    try:
        return read_document(path)
    except InputError as error:
        assert_one_line(error)
        return None


def check_used(document, out: Path, *, pictures: bool):
    """What passed the check is a document: pages, tables, folders and ids are made of it."""
    album = Album(document)
    for photo in range(len(album.images)):
        album.photo_name(photo)
        album.local_path(photo)
        album.original(photo)
    export(document, out, OPEN_PHOTO_OR_NOT, ExportOptions("copy", archive=True, sidecars=True))
    try:
        check_previous(document)
        assign_ids(document, DOCUMENT["images"], len(DOCUMENT["groups"]))
    except GroupingError as error:
        assert_one_line(error)
    if pictures:
        write_report(document, out, OPEN_PHOTO_OR_NOT)
        json.loads(json.dumps(document, allow_nan=False))


def OPEN_PHOTO_OR_NOT(photo: int) -> bytes:  # noqa: N802
    """The photo of this place, where the album has so many."""
    from grouping.errors import FetchError

    if photo >= len(DOCUMENT["images"]):
        raise FetchError("there is no such photo")
    return OPEN_PHOTO(photo)


def test_the_document_that_is_damaged_here_is_right(tmp_path):
    path = tmp_path / "groups.json"
    path.write_bytes(TEXT)
    check_used(read_document(path), tmp_path / "out", pictures=True)


@short_and_long
def test_edited_documents_are_refused_or_used(cases, tmp_path):
    path = tmp_path / "groups.json"

    def check(document):
        path.write_text(json.dumps(document))
        if (found := read_or_refused(path)) is None:
            return "refused"
        check_used(found, tmp_path / "out", pictures=False)
        return "used"

    fuzz(cases, check, "used", "refused", document=edited(DOCUMENT))


@pytest.mark.slow
def test_pictures_of_edited_documents(tmp_path):
    """Pictures take long: fewer cases, and only values that might pass."""
    path = tmp_path / "groups.json"

    def check(document):
        path.write_text(json.dumps(document))
        if (found := read_or_refused(path)) is None:
            return "refused"
        check_used(found, tmp_path / "out", pictures=True)
        return "used"

    fuzz(400, check, "used", "refused", document=edited(DOCUMENT, VALUES))


@short_and_long
def test_damaged_files_are_refused_or_read(cases, tmp_path):
    path = tmp_path / "groups.json"

    def check(data):
        path.write_bytes(data)
        if (found := read_or_refused(path)) is None:
            return "refused"
        Album(found)
        return "used"

    fuzz(cases, check, "used", "refused", data=damaged([TEXT], WORDS))
