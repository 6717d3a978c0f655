"""What the exports share."""

import pytest

from tests.helpers.results.album import album

PHOTOS = [[0, 1], [0], [1, -1], [], [0, 1]]


@pytest.fixture
def on_disk(tmp_path):
    """An album whose photos are files, and the folder for the results."""
    result, open_photo = album(PHOTOS, names={0: '김/민수: "<b>"', 1: None})
    source = tmp_path / "source"
    source.mkdir()
    for i, image in enumerate(result["images"]):
        path = source / f"p{i}.png"
        path.write_bytes(open_photo(i))
        image["url"] = str(path)
    return result, open_photo, tmp_path / "out"
