"""A camera's card through the whole program: RAW beside JPEG, and files that are no photos."""

import csv
import json
import shutil

from PIL import Image

from grouping.cli.main import main
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.raw_files import dng

VIDEO = b"\0\0\0\x18ftypisom\0\0\0\0"


def card(folder):
    folder.mkdir()
    shutil.copy(PHOTOS / "astronaut.jpg", folder / "IMG_1.JPG")
    with Image.open(PHOTOS / "astronaut.jpg") as photo:
        preview = photo.convert("RGB")
    # Toned by the camera: other pixels, and one photo all the same.
    toned = preview.point(lambda value: value // 2 + 60)
    (folder / "IMG_1.NEF").write_bytes(dng(preview.resize((64, 64)), preview=toned))
    (folder / "clip.mp4").write_bytes(VIDEO)
    return folder


def test_raw_files_are_copies_of_their_pictures_and_other_files_are_counted(tmp_path, capsys):
    album, out = card(tmp_path / "album"), tmp_path / "out"
    options = ["--workers", "0", "--no-plots", "--xmp", "--no-cache"]
    assert main([str(album), "--out", str(out), *options]) == 0
    document = json.loads((out / "groups.json").read_text())
    copies = [image.get("copy_of") for image in document["images"]]
    assert copies == [None, str(album / "IMG_1.JPG")]
    assert [len(image["faces"]) for image in document["images"]] == [1, 1]
    assert sorted(p.name for p in out.rglob("*.xmp")) == ["IMG_1.JPG.xmp", "IMG_1.NEF.xmp"]
    assert document["left_out"] == {"video": 1}
    assert "left out   1 video, see failures.csv" in capsys.readouterr().out
    with (out / "failures.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["photo"] == str(album / "clip.mp4")
    assert row["reason"] == "left out: a video, not a photo"


def test_sidecars_that_are_read_are_not_left_out(tmp_path):
    album = card(tmp_path / "album")
    for name in ("IMG_1.xmp", "IMG_1.JPG.xmp", "nobody.xmp"):
        (album / name).write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    for more, counts in (
        ([], {"sidecar": 3, "video": 1}),
        (["--read-xmp"], {"sidecar": 1, "video": 1}),
    ):
        out = tmp_path / f"out{len(more)}"
        options = ["--workers", "0", "--no-plots", "--no-cache", *more]
        assert main([str(album), "--out", str(out), *options]) == 0
        assert json.loads((out / "groups.json").read_text())["left_out"] == counts
