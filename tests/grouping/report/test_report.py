import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from grouping.errors import FetchError, OutputError
from grouping.report.report import write_report
from grouping.storage.atomic_files import write_bytes
from tests.helpers.paths import ROOT
from tests.helpers.results.album import album

FOUR = [[0, 1], [0, -1], [1, 0], [], [1]]


def test_the_report_is_complete(tmp_path):
    result, open_photo = album(FOUR)
    written = write_report(result, tmp_path / "new" / "out", open_photo)
    names = {str(path.relative_to(tmp_path / "new" / "out")) for path in written}
    assert names >= {
        "tsne.png",
        "similarity.png",
        "groups/person_000.jpg",
        "groups/person_001.jpg",
    }
    assert all(path.stat().st_size > 500 for path in written)
    assert not list(tmp_path.rglob("*.part"))


def test_without_plots_the_sheets_are_still_made(tmp_path):
    result, open_photo = album(FOUR)
    names = {path.name for path in write_report(result, tmp_path, open_photo, plots=False)}
    assert "person_000.jpg" in names
    assert "tsne.png" not in names
    del result["plots"]
    assert "tsne.png" not in {p.name for p in write_report(result, tmp_path, open_photo)}


@pytest.mark.parametrize("photos", [[], [[]], [[-1]], [[0], [0]]])
def test_albums_of_no_one_and_two_faces(tmp_path, photos):
    result, open_photo = album(photos)
    names = {path.name for path in write_report(result, tmp_path, open_photo)}
    assert "tsne.png" in names
    assert len([n for n in names if n.startswith("person_")]) == len(result["groups"])


def test_each_photo_is_opened_once_and_never_again(tmp_path):
    result, open_photo = album(FOUR)
    opened = []

    def counting(i: int) -> bytes:
        opened.append(i)
        return open_photo(i)

    write_report(result, tmp_path, counting)
    assert sorted(opened) == list(range(5))
    write_report(result, tmp_path, counting)
    assert len(opened) == 5


def test_copies_of_one_photo_share_their_pictures(tmp_path):
    result, open_photo = album([[0], [0]])
    result["images"][1]["sha256"] = result["images"][0]["sha256"]
    write_report(result, tmp_path, lambda i: open_photo(0))
    assert len(list((tmp_path / "thumbs").glob(result["images"][0]["sha256"][:20] + "*"))) == 3


def test_photos_that_have_moved_do_not_stop_a_report(tmp_path):
    result, _ = album(FOUR)

    def gone(i: int) -> bytes:
        raise FetchError("the file is gone")

    names = {path.name for path in write_report(result, tmp_path, gone)}
    assert {"tsne.png", "person_000.jpg"} <= names


def test_sheets_of_people_who_are_gone_are_removed_and_other_files_kept(tmp_path):
    three, open_three = album([[0, 1, 2], [0, 1, 2]])
    write_report(three, tmp_path, open_three)
    keepsake = tmp_path / "groups" / "person_of_the_year.jpg"
    keepsake.write_bytes(b"mine")
    two, open_two = album([[0, 1], [0, 1]])
    write_report(two, tmp_path, open_two)
    names = {path.name for path in (tmp_path / "groups").iterdir()}
    assert names == {"person_000.jpg", "person_001.jpg", "person_of_the_year.jpg"}


def test_progress_counts_up_to_the_total(tmp_path):
    result, open_photo = album(FOUR)
    calls = []
    write_report(result, tmp_path, open_photo, lambda *call: calls.append(call))
    thumbnails = [(done, total) for stage, done, total in calls if stage == "thumbnails"]
    assert thumbnails == [(i + 1, 5) for i in range(5)]
    assert ("contact sheets", 2, 2) in calls


def test_crops_are_aligned_and_thumbnails_upright(tmp_path):
    """An EXIF-turned photo: the crop must show the face, not what lies there unturned."""
    from hashlib import sha256
    from io import BytesIO

    result, open_photo = album([[0], [0]])
    turned = BytesIO()
    with Image.open(BytesIO(open_photo(1))) as upright:
        exif = Image.Exif()
        exif[0x0112] = 6  # shown after a quarter turn clockwise
        upright.transpose(Image.Transpose.ROTATE_90).save(turned, "JPEG", exif=exif, quality=95)
    result["images"][1]["sha256"] = sha256(turned.getvalue()).hexdigest()
    write_report(result, tmp_path, lambda i: open_photo(0) if i == 0 else turned.getvalue())
    key = result["images"][1]["sha256"][:20]
    with Image.open(tmp_path / "thumbs" / f"{key}-20-100-80-160.jpg") as crop:
        assert np.abs(np.asarray(crop)[40:70, 40:70].mean(axis=(0, 1)) - (220, 40, 40)).max() < 12
    with Image.open(tmp_path / "thumbs" / f"{key}.jpg") as preview:
        assert preview.size == (400, 300)


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:4]
from tests.helpers.results.album import album
from grouping.errors import OutputError
from grouping.report.report import write_report
result, open_photo = album([[0, 1, 2, 3]] * 30)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
try:
    write_report(result, Path(sys.argv[1]), open_photo)
except OutputError as error:
    print(error)
"""


def test_a_full_disk_is_one_clear_line_and_leaves_the_earlier_report_whole(tmp_path):
    result, open_photo = album(FOUR)
    write_report(result, tmp_path, open_photo)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*.*") if p.is_file()}
    answer = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.startswith("cannot write ")
    assert len(answer.stdout.splitlines()) == 1
    assert "free some space" in answer.stdout
    assert all(p.read_bytes() == data for p, data in before.items())
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_that_is_a_file_is_an_output_error(tmp_path):
    (tmp_path / "out").write_text("in the way")
    result, open_photo = album(FOUR)
    with pytest.raises(OutputError, match="choose another output folder"):
        write_report(result, tmp_path / "out", open_photo)


def test_long_file_names_can_be_written(tmp_path):
    path = tmp_path / ("김" * 80 + ".jpg")
    assert write_bytes(path, b"x").read_bytes() == b"x"
