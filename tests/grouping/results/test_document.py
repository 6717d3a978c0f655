"""Documents on disk."""

import json

import pytest

from grouping.errors import InputError
from grouping.results.document import encode_document, read_document
from tests.helpers.results.album import album


def test_what_is_written_is_read_again(tmp_path):
    document, _ = album([[0, 1], [0, 1, -1]])
    (tmp_path / "groups.json").write_bytes(encode_document(document))
    assert read_document(tmp_path / "groups.json") == json.loads(json.dumps(document))


def test_each_group_and_each_photo_has_a_line():
    document, _ = album([[0, 1], [0, 1, -1]])
    lines = encode_document(document).decode().splitlines()
    for entry in [*document["groups"], *document["images"]]:
        assert json.dumps(entry) in [line.rstrip(",") for line in lines]


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"groups": []}'])
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "groups.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"groups\.json"):
        read_document(path)
