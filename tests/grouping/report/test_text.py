"""Text in pictures."""

import numpy as np
import pytest
from PIL import Image

from grouping.report.text import draw_text, fit_text, text_width


def test_text_is_cut_in_its_middle_to_the_width():
    text = fit_text("a long name of a photo.jpg", 20, 150)
    assert text_width(text, 20) <= 150 < text_width("a long name of a photo.jpg", 20)
    assert text.startswith("a l")
    assert text.endswith("jpg")
    assert "…" in text


def test_centred_text_is_centred():
    image = Image.new("L", (200, 40), 255)
    draw_text(image, (100, 30), "nnn", 20, "#000000", centred=True)
    dark = np.nonzero(np.asarray(image) < 128)[1]
    assert (dark.min() + dark.max()) / 2 == pytest.approx(100, abs=2)
