"""The second look at crowds: tiles that miss nothing, and ordinary photos that never get one."""

import numpy as np
import pytest
from PIL import Image

from grouping.config import DetectionSettings
from grouping.faces import photo_analyser as analysis_module
from grouping.faces.decoding import DecodedPhoto
from grouping.faces.photo_analyser import PhotoAnalyser
from grouping.faces.search import tiles as module
from grouping.faces.search.tiles import CROWD_COUNT, TILE, TILE_OVERLAP, is_crowd, search_tiles
from grouping.records import Detections
from tests.helpers.networks.embedding import no_embedding

SIZES = [(100, 80), (1024, 1024), (1025, 700), (1600, 900), (4000, 3000), (1921, 5000)]


@pytest.mark.parametrize("size", SIZES)
def test_tiles_cover_every_pixel_and_stay_inside(size):
    seen = np.zeros((size[1], size[0]), bool)
    for left, top, right, bottom in module._tiles(size):
        assert 0 <= left < right <= size[0]
        assert 0 <= top < bottom <= size[1]
        assert max(right - left, bottom - top) <= TILE
        seen[top:bottom, left:right] = True
    assert seen.all()


@pytest.mark.parametrize("size", SIZES)
def test_a_face_of_half_the_overlap_lies_whole_in_some_tile(size):
    """Within edges where tiles meet; an edge of the photo itself cuts nothing off."""
    left, top, right, bottom = np.array(list(module._tiles(size))).T
    side = TILE_OVERLAP // 2
    for x, y in np.random.default_rng(0).integers(0, np.array(size) - side, (500, 2)):
        across = ((left < x) | (left == 0)) & ((x + side < right) | (right == size[0]))
        down = ((top < y) | (top == 0)) & ((y + side < bottom) | (bottom == size[1]))
        assert (across & down).any()


def faces(count, side):
    corner = np.arange(count, dtype=np.float32)[:, None].repeat(2, 1) * 10
    boxes = np.concatenate([corner, corner + np.float32(side)], 1)
    return Detections(boxes, np.ones(count, np.float32), np.zeros((count, 5, 2), np.float32))


def photo(width=4000, height=3000):
    return DecodedPhoto(Image.new("RGB", (128, 96)), width, height)


@pytest.mark.parametrize(("long_side", "side"), [(800, 47), (1280, 47), (4000, 149)])
def test_many_small_faces_are_a_crowd(long_side, side):
    assert is_crowd(faces(CROWD_COUNT, side), photo(long_side, 600))


@pytest.mark.parametrize(("long_side", "side"), [(800, 49), (1280, 49), (4000, 151)])
def test_many_larger_ones_are_none(long_side, side):
    assert not is_crowd(faces(CROWD_COUNT, side), photo(600, long_side))


@pytest.mark.parametrize("found", [faces(0, 20), faces(CROWD_COUNT - 1, 20)])
def test_few_faces_are_none(found):
    assert not is_crowd(found, photo())


@pytest.fixture(scope="module")
def small_face(photos):
    """A portrait reduced so that its face has a side of about 20 px."""
    face = Image.open(photos / "astronaut.jpg").convert("RGB").crop((140, 20, 310, 220))
    return face.resize((44, 52), Image.Resampling.BOX)


PLACES = [(60, 40), (1000, 200), (1500, 900), (990, 560), (30, 930)]


def test_faces_in_known_places_are_found_once_each(detector, small_face):
    """Some lie where tiles meet."""
    canvas = Image.new("RGB", (1600, 1000), (90, 110, 90))
    for place in PLACES:
        canvas.paste(small_face, place)
    found = search_tiles(detector, canvas, 0.9)
    assert len(found) == len(PLACES)
    for place in PLACES:
        centre = np.add(place, (22, 26))
        boxes = found.boxes
        assert ((boxes[:, :2] < centre) & (centre < boxes[:, 2:])).all(1).sum() == 1
    inside = (found.landmarks >= found.boxes[:, None, :2]) & (
        found.landmarks <= found.boxes[:, None, 2:]
    )
    assert inside.all()


class Counted:
    """Counts second passes while making them."""

    def __init__(self, monkeypatch):
        self.calls = 0
        monkeypatch.setattr(analysis_module, "search_tiles", self)

    def __call__(self, *args):
        self.calls += 1
        return search_tiles(*args)


def stadium(small_face):
    """A large photo: some faces seen at a glance, and more that only full size shows."""
    canvas = Image.new("RGB", (6000, 800), (90, 110, 90))
    near = small_face.resize((264, 312), Image.Resampling.BICUBIC)
    for i in range(10):
        canvas.paste(near, (80 + i * 560, 440))
        canvas.paste(small_face, (100 + i * 560, 120))
    return np.asarray(canvas)


def test_a_crowd_is_looked_at_twice_and_shows_more_faces(monkeypatch, detector, small_face):
    counted = Counted(monkeypatch)
    pixels = stadium(small_face)
    found = PhotoAnalyser(detector, no_embedding)([pixels])[0].faces
    assert counted.calls == 1
    once = PhotoAnalyser(detector, no_embedding, DetectionSettings(crowds=False))([pixels])[0].faces
    assert counted.calls == 1
    assert len(once) == 10
    assert len(found) == 20
    upper = found.boxes[found.boxes[:, 3] < 400]
    assert len(upper) == 10


def test_ordinary_photos_are_looked_at_once(monkeypatch, detector, photos):
    counted = Counted(monkeypatch)
    files = [path.read_bytes() for path in sorted(photos.glob("*.jpg"))[:2]]
    PhotoAnalyser(detector, no_embedding)(files)
    assert counted.calls == 0
