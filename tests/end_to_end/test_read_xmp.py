"""Names and regions that other programs wrote, taken into a run; exiftool is the other program."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from grouping import face_recognition
from grouping.cli.main import main
from grouping.faces.photo_header import read_header
from grouping.sources.metadata.xmp_regions import regions_in
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.drawn import BOX, MISSING_IT, SIZE, missed_face_photo

pytestmark = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed"
)
OPTIONS = ["--min-face", str(MISSING_IT["min_face"]), "--no-crowds", "--workers", "0", "--no-plots"]
OBAMA = "president_obama_1.jpg"
NAME = 'Zoë "Z" <&> 김'


def exiftool(*arguments):
    done = subprocess.run(
        ["exiftool", "-q", "-overwrite_original", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def quoted(text):
    """Text within a structure: | before what ends it."""
    return "".join(f"|{sign}" if sign in "|,}]" else sign for sign in text)


def write_mwg(path, *faces, size, target=None):
    """Write faces (box in pixels of the image as stored, name) as the Working Group wants it."""
    width, height = size
    regions = ",".join(
        f"{{Area={{X={(x1 + x2) / 2 / width},Y={(y1 + y2) / 2 / height},W={(x2 - x1) / width},"
        f"H={(y2 - y1) / height},Unit=normalized}},Name={quoted(name)},Type=Face}}"
        for (x1, y1, x2, y2), name in faces
    )
    size_text = f"{{W={width},H={height},Unit=pixel}}"
    exiftool(
        f"-RegionInfo={{AppliedToDimensions={size_text},RegionList=[{regions}]}}", target or path
    )


def write_microsoft(path, box, name, size):
    x1, y1, x2, y2 = (v / size[k % 2] for k, v in enumerate(box))
    numbers = "|, ".join(f"{v:.6f}" for v in (x1, y1, x2 - x1, y2 - y1))
    info = f"{{Rectangle={numbers},PersonDisplayName={quoted(name)}}}"
    exiftool(f"-RegionInfoMP={{Regions=[{info}]}}", path)


def run(folder, *more):
    out = folder / "out"
    assert main(["group", str(folder / "photos"), "--out", str(out), *OPTIONS, *more]) == 0
    document = json.loads((out / "groups.json").read_text("utf-8"))
    return {Path(image["url"]).name: image for image in document["images"]}, document


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in (1, 2, 3):
        name = f"president_obama_{number}.jpg"
        shutil.copy(PHOTOS / name, tmp_path / "photos" / name)
    return tmp_path


@pytest.fixture(scope="module")
def obama_box():
    _, images = face_recognition([PHOTOS / OBAMA], crops=False, min_photos=1)
    return images[0]["faces"][0]["box"]


@pytest.fixture(scope="module")
def obama_size():
    with Image.open(PHOTOS / OBAMA) as image:
        return image.size


def names(document):
    return [group["name"] for group in document["groups"]]


@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "heic"])
def test_exiftool_and_this_program_read_the_same_from_every_format(tmp_path, extension):
    path = tmp_path / f"photo.{extension}"
    with Image.open(PHOTOS / OBAMA) as image:
        read_header((PHOTOS / OBAMA).read_bytes())  # Pillow knows HEIF from here on
        image.convert("RGB").save(path)
        size = image.size
    write_mwg(path, ((100, 80, 220, 260), NAME), ((300, 90, 400, 240), "Bob"), size=size)
    write_microsoft(path, (300, 90, 400, 240), "Bob", size)
    told = json.loads(exiftool("-j", "-struct", "-n", "-RegionInfo", "-RegionInfoMP", path))[0]
    expected = [
        (r["Name"], tuple(float(r["Area"][key]) for key in "XYWH"))
        for r in told["RegionInfo"]["RegionList"]
    ]
    rectangle = [float(v) for v in told["RegionInfoMP"]["Regions"][0]["Rectangle"].split(",")]
    found = {region.applied_to: [] for region in regions_in(read_header(path.read_bytes()).xmp)}
    for region in regions_in(read_header(path.read_bytes()).xmp):
        found[region.applied_to].append((region.name, region.area))
    assert [name for name, _ in found[size]] == [name for name, _ in expected] == [NAME, "Bob"]
    for (_, area), (_, other) in zip(found[size], expected, strict=True):
        assert area == pytest.approx(other)
    ((name, (x, y, w, h)),) = found[None]
    assert name == "Bob"
    assert (x - w / 2, y - h / 2, w, h) == pytest.approx(rectangle)


def test_a_region_names_a_detected_face_and_is_a_face_where_none_was(folder, obama_box, obama_size):
    photos = folder / "photos"
    x1, y1, x2, y2 = obama_box
    head = (x1 - 40, y1 - 60, x2 + 40, y2 + 20)  # as large as other programs draw them
    write_mwg(photos / OBAMA, (head, NAME), size=obama_size)
    (photos / "far.jpg").write_bytes(missed_face_photo())
    write_mwg(photos / "far.jpg", (BOX, NAME), size=SIZE)
    images, document = run(folder)
    assert images["far.jpg"]["faces"] == []
    assert names(document) == [None]
    images, document = run(folder, "--read-xmp")
    assert document["corrections"] == []
    assert names(document) == [NAME]
    assert len(images[OBAMA]["faces"]) == 1
    (face,) = images["far.jpg"]["faces"]
    assert face["drawn"] is True
    assert face["group_idx"] == 0
    assert face["box"] == pytest.approx(list(BOX), abs=0.02)
    # A page or a table that is made now says the same, and so does the next run.
    again, _ = run(folder, "--read-xmp")
    assert again["far.jpg"]["faces"] == images["far.jpg"]["faces"]


@pytest.mark.parametrize("orientation", [3, 6, 8, 5])
@pytest.mark.parametrize("upright", [False, True])
def test_regions_are_those_of_the_image_as_stored(folder, orientation, upright):
    """Or of what was shown, where the size that is written with them says so."""
    path = folder / "photos" / "far.jpg"
    path.write_bytes(missed_face_photo(orientation=orientation))
    stored = SIZE[::-1] if orientation >= 5 else SIZE
    if upright and orientation < 5:
        pytest.skip("the sizes are the same, so that nothing tells")
    (x1, y1, x2, y2), (w, h) = BOX, SIZE
    turned = {
        3: (w - x2, h - y2, w - x1, h - y1),
        6: (y1, w - x2, y2, w - x1),
        8: (h - y2, x1, h - y1, x2),
        5: (y1, x1, y2, x2),
    }[orientation]
    write_mwg(path, (BOX if upright else turned, "Ann"), size=SIZE if upright else stored)
    images, _ = run(folder, "--read-xmp")
    (face,) = images["far.jpg"]["faces"]
    assert face["box"] == pytest.approx(list(BOX), abs=0.05)


@pytest.mark.parametrize("sidecar", ["president_obama_1.jpg.xmp", "president_obama_1.xmp"])
def test_sidecars_beside_the_photos_are_read(folder, obama_box, obama_size, sidecar):
    target = folder / "photos" / sidecar
    write_mwg(target, (obama_box, NAME), size=obama_size)
    _, document = run(folder, "--read-xmp")
    assert names(document) == [NAME]


def test_what_xmp_writes_read_xmp_reads(folder):
    """Named here, written as sidecars, and read by an album that knows nothing of it."""
    images, document = run(folder)
    face = images[OBAMA]["faces"][0]
    (folder / "out" / "corrections.toml").write_text(
        f'version = 1\n[[person]]\nname = "Barack"\nfaces = [{{ photo = '
        f'"{images[OBAMA]["sha256"]}", box = {face["box"]} }}]\n'
    )
    path = folder / "photos" / "far.jpg"
    path.write_bytes(missed_face_photo(orientation=6))
    digest = run(folder)[0]["far.jpg"]["sha256"]
    with (folder / "out" / "corrections.toml").open("a") as file:
        file.write(f'[[face]]\nphoto = "{digest}"\nbox = {list(BOX)}\nname = "Barack"\n')
    images, document = run(folder, "--xmp")
    assert names(document) == ["Barack"]
    written = sorted((folder / "out" / "sidecars").rglob("*.xmp"))
    assert len(written) == 4
    other = folder / "other"
    shutil.copytree(folder / "photos", other / "photos")
    for sidecar in written:
        shutil.copy(sidecar, other / "photos" / sidecar.name)
    there, document = run(other, "--read-xmp")
    assert names(document) == ["Barack"]
    assert document["corrections"] == []
    for name, image in images.items():
        (before,), (now,) = image["faces"], there[name]["faces"]
        assert now["box"] == pytest.approx(before["box"], abs=0.05)
        assert now.get("drawn") == before.get("drawn")


def test_corrections_of_the_album_win(folder, obama_box, obama_size):
    write_mwg(folder / "photos" / OBAMA, (obama_box, "Ann"), size=obama_size)
    images, _ = run(folder)
    (folder / "out" / "corrections.toml").write_text(
        f'version = 1\n[[person]]\nname = "Barack"\nfaces = [{{ photo = '
        f'"{images[OBAMA]["sha256"]}", box = {obama_box} }}]\n'
    )
    _, document = run(folder, "--read-xmp")
    assert names(document) == ["Barack"]
    (note,) = document["corrections"]
    assert OBAMA in note
    assert "the name Ann is left out, the face is that of Barack" in note


def test_contradictions_and_broken_files_are_said_and_end_nothing(
    folder, obama_box, obama_size, capsys
):
    photos = folder / "photos"
    two = [(obama_box, "Ann"), ((5, 5, 60, 90), "Ann")]
    write_mwg(photos / OBAMA, *two, size=obama_size)
    (photos / "president_obama_2.xmp").write_bytes(b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>')
    write_mwg(photos / "president_obama_3.jpg", ((5, 5, 50, 60), "Bob"), size=(300, 90))
    images, document = run(folder, "--read-xmp")
    assert names(document) == [None]
    assert len(images[OBAMA]["faces"]) == 2
    said = "\n".join(document["corrections"])
    assert said.count("it is on two faces of the photo") == 2
    assert "president_obama_2.xmp: names in it are not read, its XMP has a document type" in said
    assert "president_obama_3.jpg: a region was written for another size of the photo" in said
    assert "it is on two faces of the photo" in capsys.readouterr().out


def test_a_service_may_read_them_too(obama_box, obama_size, tmp_path):
    shutil.copy(PHOTOS / OBAMA, tmp_path / OBAMA)
    write_mwg(tmp_path / OBAMA, (obama_box, "Barack"), size=obama_size)
    photos = [(tmp_path / OBAMA).read_bytes(), PHOTOS / "president_obama_2.jpg"]
    (group,), _ = face_recognition(photos, read_xmp=True, crops=False)
    assert group["name"] == "Barack"
