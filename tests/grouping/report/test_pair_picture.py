"""The picture of a comparison: every face is on it, where it belongs."""

import numpy as np
import pytest

from grouping.report.pair_picture import ALIGNED, LOOSE, WIDTH, PairRow, draw_pairs

COLOURS = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)]


def row(verdict="same", caption="a.jpg"):
    sides = (50, 112, 112, 512)
    crops = [np.full((s, s, 3), c, np.uint8) for s, c in zip(sides, COLOURS, strict=True)]
    return PairRow(tuple(crops), (caption, "b.jpg"), "0.512", verdict)


@pytest.mark.parametrize("rows", [1, 3])
def test_crops_stand_in_order_at_their_size(rows):
    pixels = np.asarray(draw_pairs("same", ["one", "two"], [row()] * rows))
    left = []
    for colour, side in zip(COLOURS, (LOOSE, ALIGNED, ALIGNED, LOOSE), strict=True):
        place = np.argwhere((pixels == colour).all(axis=2))
        assert len(place) == rows * side * side
        left.append(place[:, 1].min())
    assert left == sorted(left)
    assert pixels.shape[1] == WIDTH


@pytest.mark.parametrize("verdict", ["same", "different", "unsure"])
def test_text_of_any_length_and_script_stays_on_the_picture(verdict):
    long = "아주 긴 이름 🎉 " * 60
    image = draw_pairs(verdict, [long, "n\nl"], [row(verdict, long)])
    pixels = np.asarray(image)
    assert (pixels[:, :20] == 255).all()
    assert (pixels[:, -20:] == 255).all()
    assert (pixels[:60] < 200).any()  # the verdict itself


def test_no_pair_at_all_is_a_headline():
    assert draw_pairs("unsure", [], []).width == WIDTH
