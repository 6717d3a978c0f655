import gzip
import json
import shutil
import subprocess
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageOps

from grouping.errors import FetchError
from grouping.export.xmp_sidecars import sidecar, write_sidecars
from grouping.faces.decoding import stored_orientation
from grouping.results.album import Album
from grouping.sources.metadata.stored_areas import stored_area
from grouping.version import PRODUCT
from tests.helpers.results.album import album

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed"
)
TURNING = Path("/usr/share/doc/libimage-exiftool-perl/config_files/rotate_regions.config.gz")


def exiftool(*arguments: object) -> dict:
    command = ["exiftool", "-j", "-struct", *map(str, arguments)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0]


def jpeg(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = BytesIO()
    image.save(encoded, "JPEG", exif=exif, quality=95)
    return encoded.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_areas_are_those_of_the_stored_image(orientation):
    """A red patch is drawn as stored; Pillow turns the photo upright; the area leads back."""
    stored = np.zeros((60, 100, 3), np.uint8)
    stored[10:22, 70:85] = (255, 0, 0)
    turned = ImageOps.exif_transpose(
        Image.open(BytesIO(jpeg(Image.fromarray(stored), orientation)))
    )
    rows, columns = np.nonzero(np.asarray(turned)[:, :, 0] > 128)
    width, height = turned.size
    x1, x2, y1, y2 = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    upright = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
    assert stored_area(upright, orientation) == pytest.approx(
        (77.5 / 100, 16 / 60, 15 / 100, 12 / 60), abs=0.015
    )


@needs_exiftool
def test_exiftool_reads_the_regions(tmp_path):
    names = {0: "김민수 <&\"'>", 1: "Ann"}
    result, open_photo = album([[0, 1, -1], [1, 0]], names=names)
    (first, second), problems = write_sidecars(result, open_photo, tmp_path / "sidecars")
    assert problems == []
    assert first.name == "photo 0.png.xmp"
    read = exiftool("-XMP:all", first)["RegionInfo"]
    assert read["AppliedToDimensions"] == {"W": 400, "H": 300, "Unit": "pixel"}
    assert [region.get("Name") for region in read["RegionList"]] == [names[0], names[1], None]
    assert {region["Type"] for region in read["RegionList"]} == {"Face"}
    area = read["RegionList"][1]["Area"]
    assert area["Unit"] == "normalized"
    assert (area["X"], area["Y"]) == pytest.approx((140 / 400, 130 / 300), abs=1e-5)
    assert (area["W"], area["H"]) == pytest.approx((60 / 400, 60 / 300), abs=1e-5)
    assert "Warning" not in exiftool("-validate", "-warning", second)


@needs_exiftool
@pytest.mark.skipif(not TURNING.exists(), reason="exiftool's example configuration is missing")
@pytest.mark.parametrize(("orientation", "turn"), [(6, "CW90"), (3, "CW180"), (8, "CW270")])
def test_exiftool_turns_the_regions_back_upright(tmp_path, orientation, turn):
    result, open_photo = album([[0, 1]])
    with Image.open(BytesIO(open_photo(0))) as upright:
        back = {6: 90, 3: 180, 8: 270}[orientation]
        data = jpeg(upright.rotate(back, expand=True), orientation)
    result["images"][0]["sha256"] = sha256(data).hexdigest()
    (path,), _ = write_sidecars(result, lambda i: data, tmp_path)
    config = tmp_path / "turn.config"
    config.write_bytes(gzip.decompress(TURNING.read_bytes()))
    tag = f"RotateMWGRegion{turn}"
    command = ["exiftool", "-config", config, "-j", "-struct", f"-{tag}", path]
    read = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[0][tag]
    area = read["RegionList"][0]["Area"]
    assert (area["X"], area["Y"]) == pytest.approx((50 / 400, 130 / 300), abs=1e-4)
    assert (area["W"], area["H"]) == pytest.approx((60 / 400, 60 / 300), abs=1e-4)


@pytest.mark.parametrize("name", ["\x00\x1b<\ud800>\uffff", "]]>", "\u202e&amp;", "a\nb"])
def test_any_name_makes_well_formed_xml(name):
    result, _ = album([[0], [0]], names={0: name})
    root = ElementTree.fromstring(sidecar(Album(result), 0).encode("utf-8"))
    (region,) = [e for e in root.iter() if any(k.endswith("}Name") for k in e.attrib)]
    (value,) = [v for k, v in region.attrib.items() if k.endswith("}Name")]
    assert "\n" not in value


def test_faces_that_reach_over_the_edge_are_cut_to_the_photo():
    result, _ = album([[0], [0]])
    result["images"][0]["faces"][0]["box"] = [-40.0, 200.0, 40.0, 380.0]
    root = ElementTree.fromstring(sidecar(Album(result), 0).encode("utf-8"))
    (area,) = [e for e in root.iter() if e.tag.endswith("}Area")]
    values = {key.rpartition("}")[2]: value for key, value in area.attrib.items()}
    numbers = [float(values[key]) for key in "xywh"]
    assert numbers == pytest.approx([0.05, 250 / 300, 0.1, 100 / 300], abs=1e-5)


def test_orientation_of_anything_unreadable_is_upright():
    assert stored_orientation(b"") == 1
    assert stored_orientation(b"not an image") == 1
    assert stored_orientation(jpeg(Image.new("RGB", (9, 9)), 7)) == 7


def test_beside_the_photo_and_the_photo_untouched(tmp_path):
    result, open_photo = album([[0], [0], []])
    for i, image in enumerate(result["images"]):
        path = tmp_path / f"휴가 {i}.png"
        path.write_bytes(open_photo(i))
        image["url"] = str(path)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in tmp_path.iterdir()}
    foreign = tmp_path / "휴가 1.png.xmp"
    foreign.write_text("<x:xmpmeta x:xmptk='digiKam'/>")
    written, problems = write_sidecars(result, open_photo)
    assert [path.name for path in written] == ["휴가 0.png.xmp"]
    assert "another program" in problems[0]
    assert foreign.read_text() == "<x:xmpmeta x:xmptk='digiKam'/>"
    assert all((p.read_bytes(), p.stat().st_mtime_ns) == old for p, old in before.items())
    assert PRODUCT in written[0].read_text("utf-8")
    assert write_sidecars(result, open_photo)[0] == written  # our own is renewed


def test_sidecars_in_a_folder_lie_as_the_photos_do(tmp_path):
    result, open_photo = album([[0], [0], [0], [0]])
    urls = ("/a/b/x.jpg", "/a/b/c/x.jpg", "https://e.org/x.jpg", "https://e.org/2/x.jpg")
    for image, url in zip(result["images"], urls, strict=True):
        image["url"] = url
    written, _ = write_sidecars(result, open_photo, tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        *("x.jpg.xmp", "c/x.jpg.xmp", "elsewhere/x.jpg.xmp", "elsewhere/x.jpg (2).xmp")
    ]


def test_a_photo_that_is_gone_or_changed_gets_no_sidecar(tmp_path):
    result, open_photo = album([[0], [0], [0]])

    def changing(i: int) -> bytes:
        if i == 0:
            raise FetchError("gone")
        return open_photo(i) + (b"edited" if i == 1 else b"")

    written, problems = write_sidecars(result, changing, tmp_path)
    assert [path.name for path in written] == ["photo 2.png.xmp"]
    assert problems == [
        "photo 0.png: gone",
        "photo 1.png: the photo has changed since it was grouped",
    ]
