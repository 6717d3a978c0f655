"""Small pictures laid down while a run decodes its photos, and what is left for the report."""

import stat

import numpy as np
import pytest
from PIL import Image

from grouping import GroupingConfig, GroupingPipeline
from grouping.api.albums.outputs import OutputOptions, early_pictures
from grouping.report.early_thumbnails import EarlyThumbnails
from grouping.report.thumbnails import Thumbnails
from grouping.results.album import Album
from grouping.results.document import build_document
from grouping.sources.listing import list_sources


@pytest.fixture(scope="module", params=[0, 2], ids=["here", "in processes"])
def early(request, photos, tmp_path_factory):
    """Result of the sample photos, its album, and the folder of early pictures."""
    folder = tmp_path_factory.mktemp("early") / "thumbs"
    album = tmp_path_factory.mktemp("album")
    for photo in photos.glob("*.jpg"):
        for copy in range(2):  # more than so few that no process is started
            (album / f"{copy} {photo.name}").write_bytes(photo.read_bytes() + bytes(copy))
    pipeline = GroupingPipeline(GroupingConfig(workers=request.param))
    seen = []
    result = pipeline.run(
        list_sources([album]),
        on_pictures=EarlyThumbnails(folder),
        on_photo=lambda _, r: seen.append(r),
    )
    assert all(outcome.pictures is None for outcome in (*result.outcomes, *seen))
    return result, Album(build_document(result, None)), folder


def test_only_the_portraits_are_left_for_the_report(early):
    result, album, folder = early
    opened = []

    def open_photo(photo):
        opened.append(photo)
        return result.photos[photo].read()

    made = set(folder.iterdir())
    thumbnails = Thumbnails(album, open_photo, folder)
    names = {
        folder / name for photo in range(len(album.images)) for name in thumbnails.names(photo)
    }
    portraits = {name for name in names if name.name.endswith("-portrait.jpg")}
    assert len(portraits) == len(album.groups) >= 2
    assert made == names - portraits
    before = {name: name.stat().st_mtime_ns for name in made}
    thumbnails.prepare()
    shown = {album.faces[group["representative_face_idx"]].photo for group in album.groups}
    assert sorted(opened) == sorted(shown)
    assert set(folder.iterdir()) == names
    assert before == {name: name.stat().st_mtime_ns for name in made}
    assert not thumbnails.problems


def test_they_look_like_those_made_from_the_photos(early, tmp_path):
    result, album, folder = early
    late = Thumbnails(album, lambda photo: result.photos[photo].read(), tmp_path)
    late.prepare()
    early_files = {path.name: path for path in folder.iterdir()}
    compared = [path for path in tmp_path.iterdir() if path.name in early_files]
    assert len(compared) >= len(album.images) + len(album.faces)
    for path in compared:
        a, b = (np.asarray(Image.open(p), np.float32) for p in (path, early_files[path.name]))
        assert a.shape == b.shape
        assert np.abs(a - b).mean() < 4, path.name


def test_they_are_for_their_owner_alone(early):
    _, _, folder = early
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_folder_that_cannot_be_written_costs_no_result(photos, tmp_path):
    (tmp_path / "thumbs").write_text("in the way")
    early = EarlyThumbnails(tmp_path / "thumbs")
    result = GroupingPipeline().run(list_sources([photos / "astronaut.jpg"]), on_pictures=early)
    assert len(result.faces) == 1
    assert (tmp_path / "thumbs").read_text() == "in the way"


def test_none_are_made_where_no_pictures_are_asked_for(tmp_path):
    assert early_pictures(OutputOptions(plots=False), tmp_path) is None
    assert early_pictures(OutputOptions(), tmp_path) is not None
