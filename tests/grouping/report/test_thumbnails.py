"""Small pictures of faces."""

import numpy as np
import pytest
from PIL import Image

from grouping.report.thumbnails import Thumbnails
from grouping.results.album import Album
from tests.helpers.results.album import album


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


@pytest.mark.parametrize("damage", ["empty", "cut", "zeros at its end", "noise within", "one byte"])
def test_a_damaged_picture_is_made_again(tmp_path, damage):
    document, open_photo = album([[0], [0]])
    shown = Album(document)
    whole = Thumbnails(shown, open_photo, tmp_path)
    whole.prepare()
    file = tmp_path / whole.preview_name(0)
    data = file.read_bytes()
    file.write_bytes(
        {
            "empty": b"",
            "cut": data[: len(data) // 2],
            "zeros at its end": data[:-40] + bytes(40),
            "noise within": data[:2] + bytes(len(data) - 4) + data[-2:],
            "one byte": data[:1],
        }[damage]
    )
    again = Thumbnails(shown, open_photo, tmp_path)
    again.prepare()
    assert again.preview(0).size == whole.preview(0).size
    assert file.read_bytes() == data
    assert not again.problems


def test_a_face_that_was_left_out_is_covered_in_all_pictures(tmp_path):
    """Also where pictures of an earlier run are there, which show it."""
    result, open_photo = album([[0, 1], [0]])
    gone = result["images"][0]["faces"].pop()
    Thumbnails(Album(result), open_photo, tmp_path).prepare()
    preview = tmp_path / Thumbnails(Album(result), open_photo, tmp_path).preview_name(0)
    x, y = (int((gone["box"][a] + gone["box"][a + 2]) / 2) for a in (0, 1))
    assert min(Image.open(preview).convert("RGB").getpixel((x, y))) > 20
    result["images"][0]["opted_out"] = 1
    covered = {0: np.array([gone["box"]], np.float32)}
    Thumbnails(Album(result), open_photo, tmp_path, covered).prepare()
    assert max(Image.open(preview).convert("RGB").getpixel((x, y))) < 10
    later = Thumbnails(Album(result), open_photo, tmp_path)  # a report, which knows no box
    later.prepare()
    assert not later.problems
    preview.unlink()
    later = Thumbnails(Album(result), open_photo, tmp_path)
    later.prepare()
    assert "opted out" in later.problems[0]
    assert not preview.exists()
