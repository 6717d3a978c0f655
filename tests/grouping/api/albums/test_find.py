"""``find`` on the sample photos: the right photos, by many threads, and no trace of the selfie."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from grouping import AlbumIndex, ConfigError, GroupingConfig, InputError, find
from grouping.cli.main import main
from tests.helpers.paths import PHOTOS

OBAMA = ["president_obama_1.jpg", "president_obama_2.jpg", "president_obama_3.jpg"]
TOGETHER = "two_presidents.jpg"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The sample photos but the one that asks, grouped as a user does it."""
    photos = tmp_path_factory.mktemp("photos")
    for name in (*OBAMA[1:], TOGETHER, "president_biden.jpg", "astronaut.jpg", "rocket.jpg"):
        shutil.copy(PHOTOS / name, photos)
    out = tmp_path_factory.mktemp("out")
    assert main([str(photos), "--out", str(out), "--no-plots", "--workers", "0"]) == 0
    return out


def names(found):
    return sorted(photo.url.rsplit("/", 1)[-1] for photo in found.photos)


def test_a_photo_that_is_not_in_the_album_finds_the_person(folder):
    found = find(PHOTOS / OBAMA[0], folder)
    assert names(found) == [*OBAMA[1:], TOGETHER]
    assert found.person.similarity > found.needed
    assert found.album == str(folder)
    with Image.open(PHOTOS / TOGETHER) as photo:
        width = photo.width
    (box,) = (p.box for p in found.photos if TOGETHER in p.url)
    obama_is_on_the = "left" if box[0] < width / 2 else "right"
    biden = find(PHOTOS / "president_biden.jpg", folder)
    (other,) = (p.box for p in biden.photos if TOGETHER in p.url)
    assert ("left" if other[0] < width / 2 else "right") != obama_is_on_the


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "image", "array", "several", "entry"])
def test_a_selfie_may_be_given_in_many_ways(folder, kind):
    path = PHOTOS / OBAMA[0]
    with Image.open(path) as photo:
        image = photo.convert("RGB")
    selfie = {
        "path": path,
        "text": str(path),
        "bytes": path.read_bytes(),
        "image": image,
        "array": np.asarray(image),
        "several": [path, PHOTOS / OBAMA[1]],
        "entry": {"id": 5, "url": str(path)},
    }[kind]
    assert names(find(selfie, str(folder), allow_local=True)) == [*OBAMA[1:], TOGETHER]


def test_local_paths_of_strangers_are_not_read(folder):
    found = find(str(PHOTOS / OBAMA[0]), folder)
    assert not found.found
    assert found.reason.startswith("refused")


def test_a_face_that_was_seen_once(folder):
    found = find(PHOTOS / "astronaut.jpg", folder)
    assert (found.person, names(found)) == (None, ["astronaut.jpg"])


def test_somebody_who_is_not_there(folder, tmp_path):
    with Image.open(PHOTOS / "two_presidents.jpg") as photo:
        half = photo.crop((0, 0, photo.width // 2, photo.height))
    album = tmp_path / "album"
    shutil.copytree(folder, album)
    others = tmp_path / "photos"
    others.mkdir()
    shutil.copy(PHOTOS / "astronaut.jpg", others)
    assert main([str(others), "--out", str(album), "--no-plots", "--workers", "0"]) == 0
    data = BytesIO()
    half.save(data, "JPEG", quality=95)
    found = find(data.getvalue(), album)
    assert not found.found
    assert found.reason.startswith("nobody alike enough: ")
    assert found.similarity < found.needed


def test_many_threads_ask_one_opened_album(folder):
    index = AlbumIndex.open(folder)
    asking = [PHOTOS / name for name in (*OBAMA, "president_biden.jpg")] * 2
    alone = [find(selfie, index).as_dict() for selfie in asking[:4]]
    with ThreadPoolExecutor(4) as pool:
        together = [found.as_dict() for found in pool.map(lambda s: find(s, index), asking)]
    for one, other in zip(alone * 2, together, strict=True):
        assert one["similarity"] == pytest.approx(other["similarity"], abs=1e-3)
        assert [p["id"] for p in one["photos"]] == [p["id"] for p in other["photos"]]


def test_nothing_of_the_selfie_is_written(folder, tmp_path, monkeypatch):
    album = shutil.copytree(folder, tmp_path / "album")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    before = {path: path.read_bytes() for path in album.rglob("*") if path.is_file()}
    assert find(PHOTOS / OBAMA[0], album).found
    after = {path: path.read_bytes() for path in album.rglob("*") if path.is_file()}
    assert after == before
    assert not list(temporary.rglob("*"))


def test_another_network_is_refused(folder, tmp_path):
    from tests.helpers.networks.checkpoints import write_small_checkpoint

    other = write_small_checkpoint(tmp_path / "other.pth")
    with pytest.raises(InputError, match="was embedded by MobileFaceNet"):
        find(PHOTOS / OBAMA[0], folder, config=GroupingConfig(checkpoint=other))


def test_a_weight_file_that_has_moved(folder, tmp_path):
    from backbone.weights.known_files import default_checkpoint

    moved = shutil.copy(default_checkpoint(), tmp_path / "moved.pth")
    assert find(PHOTOS / OBAMA[0], folder, config=GroupingConfig(checkpoint=moved)).found


@pytest.mark.parametrize("wrong", [5, None, [], [5], {"id": 1}])
def test_what_is_no_photo(folder, wrong):
    with pytest.raises(InputError):
        find(wrong, folder)


def test_what_may_be_allowed_is_found_out_first():
    with pytest.raises(ConfigError):
        find(PHOTOS / OBAMA[0], "/nowhere", false_matches=2)
