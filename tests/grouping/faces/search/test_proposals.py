"""The search for candidates: the same faces as where everything is looked at, for less."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from grouping.boxes import box_iou
from grouping.faces.search import proposals
from grouping.faces.search.detection import CascadeSettings
from grouping.faces.search.proposals import WINDOW, PyramidLevel, _cover, _same_place, _spread
from grouping.faces.search.pyramid import Pyramid


def load(path, side=1600):
    image = Image.open(path).convert("RGB")
    image.thumbnail((side, side), Image.Resampling.BOX)
    return image


@pytest.fixture
def pnet(detector):
    return lambda images, extents: detector._run(detector.networks.pnet, images, extents)


def search_everywhere(monkeypatch):
    monkeypatch.setattr(proposals, "HINTED_LEVELS", 0)


def assert_the_same_faces_as_everywhere(monkeypatch, detector, paths, settings):
    """Of photos searched with hints and without; the number of faces."""
    count = 0
    for path in paths:
        image = load(path)
        ours = detector([image], [settings])[0]
        with monkeypatch.context() as patch:
            search_everywhere(patch)
            everywhere = detector([image], [settings])[0]
        sure = everywhere[everywhere.scores >= 0.9]
        assert len(ours[ours.scores >= 0.9]) == len(sure), path
        if len(sure):
            assert box_iou(sure.boxes, ours.boxes).max(1).min() > 0.9, path
        count += len(sure)
    return count


def test_hints_lose_no_face(monkeypatch, photos, detector):
    paths = sorted(photos.glob("*.jpg"))
    settings = CascadeSettings(min_face=16)
    assert assert_the_same_faces_as_everywhere(monkeypatch, detector, paths, settings) >= 8


def test_hints_lose_no_face_of_a_crowd(monkeypatch, shared_data, detector):
    paths = sorted((shared_data / "crowd" / "imgs").iterdir())[:4]
    settings = CascadeSettings(min_face=14)
    assert assert_the_same_faces_as_everywhere(monkeypatch, detector, paths, settings) > 100


@pytest.mark.slow
def test_hints_lose_no_face_of_an_album(monkeypatch, shared_data, detector):
    folders = ("album/photos", "press", "crowd", "cast")
    found = (path for folder in folders for path in (shared_data / folder).rglob("*"))
    paths = sorted(path for path in found if path.suffix in {".jpg", ".jpeg", ".png"})
    assert len(paths) > 1500
    settings = CascadeSettings()
    assert assert_the_same_faces_as_everywhere(monkeypatch, detector, paths, settings) > 2500


def test_hints_save_much_of_the_work(monkeypatch, photos, detector):
    image = load(photos / "two_presidents.jpg")
    pixels = []
    run = detector._run

    def counted(network, crops, *extents):
        if extents:
            pixels.append(crops[..., 0].size)
        return run(network, crops, *extents)

    monkeypatch.setattr(detector, "_run", counted)
    detector([image], [CascadeSettings()])
    hinted = sum(pixels)
    pixels.clear()
    search_everywhere(monkeypatch)
    detector([image], [CascadeSettings()])
    assert hinted < 0.6 * sum(pixels)


@pytest.mark.parametrize("size", [(90, 70), (91, 71), (92, 71), (300, 213)])
def test_a_window_gives_what_the_whole_level_gives(pnet, photos, size):
    image = load(photos / "astronaut.jpg").resize(size, Image.Resampling.BOX)
    level = PyramidLevel(Pyramid(image), 0.9)
    scores, shares = level.scan(pnet)
    everywhere = _cover(np.ones((level.rows, level.columns), bool))
    looked_at = everywhere[::2]
    some_scores, some_shares = level.look(pnet, looked_at)
    inside = np.zeros(scores.shape, bool)
    for y, x in looked_at:
        inside[y : y + WINDOW, x : x + WINDOW] = True
    np.testing.assert_allclose(some_scores[inside], scores[inside], atol=1e-5)
    np.testing.assert_allclose(some_shares[inside], shares[inside], atol=1e-5)
    assert not some_scores[~inside].any()


@pytest.mark.parametrize("share", [0.0, 0.002, 0.05, 0.5, 1.0])
def test_windows_cover_all_that_is_wanted_and_do_not_overlap(share):
    wanted = np.random.default_rng(0).random((57, 83)) < share
    seen = np.zeros((57 + WINDOW, 83 + WINDOW), int)
    for y, x in _cover(wanted):
        seen[y : y + WINDOW, x : x + WINDOW] += 1
    assert seen[:57, :83][wanted].all()
    assert seen.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (40, 57)])
@pytest.mark.parametrize("reach", [1, 2, 3])
def test_what_is_around_a_mark_is_marked(size, reach):
    marked = np.random.default_rng(1).random(size) < 0.05
    around = np.ones((2 * reach + 1, 2 * reach + 1), bool)
    np.testing.assert_array_equal(_spread(marked, reach), binary_dilation(marked, around))


def test_windows_lie_where_the_level_before_gave_hints(photos):
    large = PyramidLevel(Pyramid(load(photos / "astronaut.jpg")), 0.5)
    small = PyramidLevel(large._pyramid, 0.5 * 0.709)
    hints = np.zeros((small.rows, small.columns), bool)
    assert large.corners_of_windows(hints, 0.5 * 0.709).tolist() == []
    hints[40, 60] = True
    corners = large.corners_of_windows(hints, 0.5 * 0.709)
    # The centre of the hint's window, in pixels of the photo.
    centre = (np.array([40, 60]) * 2 + 6) / (0.5 * 0.709)
    seen = np.zeros((large.rows + WINDOW, large.columns + WINDOW), bool)
    for y, x in corners:
        seen[y : y + WINDOW, x : x + WINDOW] = True
    y, x = np.rint((centre * 0.5 - 6) / 2).astype(int)
    assert seen[y - 2 : y + 3, x - 2 : x + 3].all()
    assert len(corners) <= 4


def test_many_hints_ask_for_the_whole_level(photos):
    large = PyramidLevel(Pyramid(load(photos / "astronaut.jpg")), 0.5)
    small = PyramidLevel(large._pyramid, 0.5 * 0.709)
    assert large.corners_of_windows(np.ones((small.rows, small.columns), bool), 0.3545) is None


def test_the_same_place_is_the_cell_with_the_nearest_centre():
    cells = np.arange(200)
    centres = cells * 2 + 6
    for ratio in (0.5, 0.709, 0.9):
        nearest = np.abs(centres[None] - centres[:, None] * ratio).min(1)
        found = np.abs(_same_place(cells, ratio) * 2 + 6 - centres * ratio)
        inside = _same_place(cells, ratio) >= 0
        np.testing.assert_allclose(found[inside], nearest[inside])
