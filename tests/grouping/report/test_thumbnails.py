"""Small pictures of faces."""

import numpy as np
import pytest
from PIL import Image

from grouping.report.thumbnails import Thumbnails
from grouping.results.album import Album
from tests.helpers.album import album


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_portrait_of_a_turned_photo_is_upright(tmp_path, rotation):
    document, open_photo = album([[0], [0]])
    document["images"][0]["faces"][0]["box"] = [45.0, 115.0, 105.0, 175.0]  # off the drawn face
    shown = Album(document)
    face = shown.faces_in(0)[0]
    pictures = []
    for degrees in (0, rotation):
        document["images"][0]["rotation"] = degrees
        thumbnails = Thumbnails(shown, open_photo, tmp_path / str(degrees))
        thumbnails.prepare()
        with Image.open(thumbnails.folder / thumbnails.portrait_name(face)) as picture:
            pictures.append(np.asarray(picture, np.float32))
    assert np.abs(np.rot90(pictures[0], -rotation // 90) - pictures[1]).mean() < 3
    assert np.abs(pictures[0] - np.rot90(pictures[0])).mean() > 10
