"""The map of faces, pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from grouping.report.plots.face_mosaic import faces_picture
from grouping.report.style import colour_of
from tests.helpers.results.album import album


@pytest.mark.parametrize("n", [0, 1, 2, 3, 40])
def test_the_mosaic_shows_every_face_once_in_its_persons_colour(n):
    result, _ = album([[i % 2] for i in range(n)])
    shades = {i: (200, 3 * i, 100) for i in range(n)}
    picture = faces_picture(result, lambda face: Image.new("RGB", (112, 112), shades[face.idx]))
    pixels = np.asarray(picture)
    for idx, shade in shades.items():
        at = np.argwhere((pixels == shade).all(axis=2))
        top, left = at.min(axis=0)
        assert (at.max(axis=0) - (top, left) == at.max(axis=0)[0] - top).all()  # one square
        assert tuple(pixels[top - 2, left]) == tuple(bytes.fromhex(colour_of(idx % 2)[1:]))
        assert len(at) > 0.85 * (at.max(axis=0)[0] - top + 1) ** 2  # only a number may cover it


def test_the_mosaic_frames_strangers_in_grey_and_numbers_nobody_of_them():
    result, _ = album([[-1], [-1]])
    plain = faces_picture(result, lambda face: Image.new("RGB", (112, 112), (0, 0, 255)))
    pixels = np.asarray(plain)
    side = 72 - 1 - 8
    assert (pixels == (0, 0, 255)).all(axis=2).sum() == 2 * side * side
    assert (pixels == tuple(bytes.fromhex(colour_of(-1)[1:]))).all(axis=2).any()
