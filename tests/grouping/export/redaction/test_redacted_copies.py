"""Photos with faces covered: what is seen, what metadata stays, what of it goes."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image

from grouping.errors import OutputError
from grouping.export.redaction.redacted_copies import write_redacted
from grouping.export.redaction.redacted_image import redacted
from grouping.export.redaction.redacted_metadata import without_regions
from grouping.faces.decoding import decode_photo
from tests.helpers.photo_files.files import STORED, picture, turned_file, written
from tests.helpers.results.album import album

BOX = np.array([[20, 12, 44, 36]], np.float32)  # of the upright 96x64 picture
COVERED = (slice(6, 42), slice(14, 50))  # with a quarter of 24 px around

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed"
)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(decode_photo(data).image).astype(int)


def check_covered(before: bytes, after: bytes, tolerance: float) -> None:
    """The area is black, all else is what it was; both upright."""
    was, now = pixels(before), pixels(after)
    assert now.shape == was.shape
    assert now[COVERED].max() <= tolerance
    rest = np.ones(was.shape[:2], bool)
    rest[COVERED] = False
    near = np.zeros(was.shape[:2], bool)
    near[0:52, 4:60] = True  # blocks of a JPEG that the edge runs through
    assert np.abs(was - now)[rest & ~near].max() <= tolerance
    assert was[COVERED].mean() > 40  # there was something to cover


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_faces_are_covered_whichever_way_a_photo_is_stored(orientation, kind):
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    data = turned_file(orientation, format=kind, **options)
    after, suffix, remark = redacted(data, BOX)
    assert (suffix, remark) == ("", "")
    check_covered(data, after, {"PNG": 0, "TIFF": 0, "JPEG": 30, "WEBP": 40}[kind])
    with Image.open(io.BytesIO(after)) as image:
        assert image.format == kind
        kept = 1 if kind == "TIFF" else orientation  # Pillow turns TIFF as it reads it
        assert image.getexif().get(ExifTags.Base.Orientation, 1) == kept


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "1", "CMYK", "I;16"])
def test_every_mode_is_covered(mode):
    kind = "TIFF" if mode == "CMYK" else "PNG"
    image = picture().convert("L").convert(mode) if mode in ("LA", "1") else picture()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(picture().convert("L")).astype(np.uint16) * 257)
    data = written(image.convert(mode) if image.mode != mode else image, kind)
    after, _, remark = redacted(data, BOX)
    assert remark == ""
    assert pixels(after)[COVERED].max() == 0
    check_covered(data, after, 1)


@pytest.mark.parametrize(
    ("kind", "suffix"), [("GIF", ".png"), ("BMP", ".png"), ("HEIF", ""), ("AVIF", "")]
)
def test_other_formats_are_kept_or_become_png(kind, suffix):
    pillow_heif.register_heif_opener()
    data = written(picture(), kind)
    after, added, remark = redacted(data, BOX)
    assert (added, remark) == (suffix, "")
    assert pixels(after)[COVERED].max() <= 40
    assert np.abs(pixels(data) - pixels(after))[:, 70:].max() <= 60


def test_a_jpeg_keeps_its_tables_and_profile():
    profile = b"\0" * 36 + b"acsp" + b"\0" * 88
    data = written(
        picture(), "JPEG", quality=71, subsampling=2, icc_profile=profile, dpi=(300, 300)
    )
    after, *_ = redacted(data, BOX)
    with Image.open(io.BytesIO(data)) as a, Image.open(io.BytesIO(after)) as b:
        assert a.quantization == b.quantization
        assert b.info["icc_profile"] == profile
        assert b.info["dpi"] == (300, 300)


def test_what_is_cut_off_is_covered_without_its_metadata():
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    data = written(Image.fromarray(noise), "JPEG", quality=90)
    after, suffix, remark = redacted(data[: len(data) * 4 // 5], BOX)
    assert suffix == ".jpg"
    assert "metadata" in remark
    assert pixels(after)[COVERED].max() < 60


REGIONS = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
 xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
 xmlns:MP="http://ns.microsoft.com/photo/1.2/"
 xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
 xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:digiKam="http://www.digikam.org/ns/1.0/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/"
 xmp:Rating="4">
<dc:subject><rdf:Bag><rdf:li>Joe Smith</rdf:li><rdf:li>party</rdf:li></rdf:Bag></dc:subject>
<digiKam:TagsList><rdf:Seq><rdf:li>People/Joe Smith</rdf:li><rdf:li>People/Ada</rdf:li></rdf:Seq>
</digiKam:TagsList>
<xmp:Thumbnails><rdf:Alt><rdf:li rdf:parseType="Resource"><xmpGImg:image>PICTURE</xmpGImg:image>
</rdf:li></rdf:Alt></xmp:Thumbnails>
<mwg-rs:Regions rdf:parseType="Resource">
<mwg-rs:AppliedToDimensions stDim:w="96" stDim:h="64" stDim:unit="pixel"/>
<mwg-rs:RegionList><rdf:Bag>
<rdf:li><rdf:Description mwg-rs:Name="Joe Smith" mwg-rs:Type="Face"><mwg-rs:Area stArea:x="0.33"
 stArea:y="0.37" stArea:w="0.25" stArea:h="0.37" stArea:unit="normalized"/></rdf:Description>
</rdf:li>
<rdf:li rdf:parseType="Resource"><mwg-rs:Name>Ada</mwg-rs:Name>
<mwg-rs:Area rdf:parseType="Resource">
<stArea:x>0.8</stArea:x><stArea:y>0.4</stArea:y><stArea:w>0.2</stArea:w><stArea:h>0.3</stArea:h>
</mwg-rs:Area></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>
<MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag>
<rdf:li MPReg:Rectangle="0.2, 0.2, 0.25, 0.37" MPReg:PersonDisplayName="Joe Smith"/>
<rdf:li MPReg:Rectangle="0.7, 0.25, 0.2, 0.3" MPReg:PersonDisplayName="Ada"/>
</rdf:Bag></MPRI:Regions></rdf:Description></MP:RegionInfo>
</rdf:Description></rdf:RDF></x:xmpmeta>""".replace("PICTURE", "/9j/4AAQ" * 1000)


def tagged(tmp_path: Path) -> Path:
    """A JPEG with all that cameras and programs put into one, written by exiftool."""
    path = tmp_path / "tagged.jpg"
    path.write_bytes(written(picture(), "JPEG", quality=95))
    xmp, thumbnail = tmp_path / "regions.xmp", tmp_path / "thumbnail.jpg"
    xmp.write_text(REGIONS)
    thumbnail.write_bytes(written(picture().resize((48, 32)), "JPEG"))
    tool = ["exiftool", "-q", "-q", "-m", "-overwrite_original"]
    subprocess.run([*tool, "-tagsfromfile", xmp, "-xmp:all", path], check=True)
    more = ("-Make=Maker", "-DateTimeOriginal=2026:01:02 03:04:05", "-GPSLatitude=50.1")
    more += ("-GPSLatitudeRef=N", "-IPTC:Keywords=Joe Smith", "-IPTC:Keywords=party")
    more += ("-IPTC:City=Ghent", "-Comment=of a party")
    files = (f"-ThumbnailImage<={thumbnail}", f"-PhotoshopThumbnail<={thumbnail}")
    subprocess.run([*tool, *more, *files, path], check=True)
    return path


def read(path: Path) -> dict:
    told = subprocess.run(
        ["exiftool", "-j", "-struct", "-G1", path], capture_output=True, check=True
    )
    return json.loads(told.stdout)[0]


@needs_exiftool
def test_metadata_stays_but_for_pictures_and_the_covered_face(tmp_path):
    path = tagged(tmp_path)
    before = read(path)
    assert "IFD1:ThumbnailImage" in before
    assert path.read_bytes().count(b"\xff\xd8\xff") >= 2
    after, *_ = redacted(path.read_bytes(), BOX)
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(after)
    told = read(copy)
    for name in ("IFD0:Make", "ExifIFD:DateTimeOriginal", "GPS:GPSLatitude", "XMP-xmp:Rating"):
        assert told[name] == before[name]
    assert told["IPTC:City"] == "Ghent"
    assert told["IPTC:Keywords"] == "party"
    assert told["File:Comment"] == "of a party"
    assert told["XMP-dc:Subject"] == ["party"]
    assert told["XMP-digiKam:TagsList"] == ["People/Ada"]
    assert [r["Name"] for r in told["XMP-mwg-rs:RegionInfo"]["RegionList"]] == ["Ada"]
    assert [r["PersonDisplayName"] for r in told["XMP-MP:RegionInfoMP"]["Regions"]] == ["Ada"]
    assert not [name for name in told if "thumbnail" in name.lower()]
    assert b"Joe" not in after
    assert b"/9j/4AAQ" not in after
    assert after.count(b"\xff\xd8\xff") == 1  # one picture begins in it
    valid = subprocess.run(
        ["exiftool", "-validate", "-warning", "-error", copy], capture_output=True, text=True
    )
    assert "Error" not in valid.stdout


@needs_exiftool
def test_previews_behind_a_jpeg_go(tmp_path):
    frame = written(picture(), "JPEG")
    after, *_ = redacted(frame + frame, BOX)
    assert after.count(b"\xff\xd8\xff") == 1
    burst = io.BytesIO()
    picture().save(burst, "MPO", save_all=True, append_images=[picture()])
    after, suffix, _ = redacted(burst.getvalue(), BOX)
    assert (after.count(b"\xff\xd8\xff"), suffix) == (1, "")
    assert pixels(after)[COVERED].max() <= 80  # the edge runs through blocks of a poor JPEG


@needs_exiftool
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"])
def test_every_format_keeps_its_metadata(tmp_path, kind):
    pillow_heif.register_heif_opener()
    path, copy = (tmp_path / f"{name}.{kind.lower()}" for name in ("photo", "copy"))
    path.write_bytes(written(picture(), kind))
    tags = ("-Make=Maker", "-DateTimeOriginal=2026:01:02 03:04:05", "-GPSLatitude=50.1")
    tags += ("-GPSLatitudeRef=N", "-XMP:Rating=3")
    subprocess.run(["exiftool", "-q", "-q", "-m", "-overwrite_original", *tags, path], check=True)
    after, *_ = redacted(path.read_bytes(), BOX)
    copy.write_bytes(after)
    told = read(copy)
    assert told["IFD0:Make"] == "Maker"
    assert told["ExifIFD:DateTimeOriginal"] == "2026:01:02 03:04:05"
    assert told["Composite:GPSLatitude"].startswith("50 deg 6'")
    assert told["XMP-xmp:Rating"] == 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_xmp_of_other_formats_is_cleaned_too(kind):
    data = io.BytesIO()
    if kind == "PNG":
        from PIL import PngImagePlugin

        chunks = PngImagePlugin.PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", REGIONS)
        picture().save(data, kind, pnginfo=chunks)
    elif kind == "TIFF":
        picture().save(data, kind, tiffinfo={700: REGIONS.encode()})
    else:
        picture().save(data, kind, xmp=REGIONS.encode())
    assert b"Joe" in data.getvalue()
    after, *_ = redacted(data.getvalue(), BOX)
    assert b"Joe" not in after
    assert b"Ada" in after
    assert b"/9j/4AAQ" not in after


@pytest.mark.parametrize(
    "xmp",
    [
        b"",
        b"<x:xmpmeta",
        b"\xff\xfe\x00",
        b"<!DOCTYPE x [<!ENTITY a 'aaaa'>]><x:xmpmeta>&a;</x:xmpmeta>",
        b"<a>" * 5000 + b"</a>" * 5000,
        b"<x:xmpmeta>" + b" " * (5 * 2**20) + b"</x:xmpmeta>",
    ],
    ids=["empty", "cut", "not text", "entities", "deep", "long"],
)
def test_xmp_that_cannot_be_read_is_not_kept(xmp):
    assert without_regions(xmp, ((0.0, 0.0, 0.5, 0.5),)) == (None, frozenset())


def test_a_region_of_unknown_place_goes():
    xmp = REGIONS.replace('stArea:x="0.33"', 'stArea:x="left"').encode()
    cleaned, names = without_regions(xmp, ((0.9, 0.9, 1.0, 1.0),))
    assert names == {"Joe Smith"}
    assert cleaned is not None
    assert b"Ada" in cleaned


def test_copies_lie_as_the_photos_do_and_problems_are_told(tmp_path):
    result, open_photo = album([[0, 1], [1], [0]])
    box = np.array([result["images"][0]["faces"][0]["box"]], np.float32)
    result["images"][1]["sha256"] = "0" * 64  # has changed since
    done = write_redacted(result, {0: box, 1: box}, tmp_path / "copies", open_photo)
    assert [p.name for p in done.files] == ["photo 0.png"]
    assert len(done.problems) == 1
    assert "has changed" in done.problems[0]
    now = np.asarray(Image.open(done.files[0]))
    x1, y1, x2, y2 = box[0].astype(int)
    assert now[y1 - 15 : y2 + 15, max(x1 - 15, 0) : x2 + 15].max() == 0
    assert now[:, 300:].max() > 0


def test_a_damaged_list_is_an_error(tmp_path):
    result, open_photo = album([[0]])
    for text in ("[]", "{", '{"a": 1}', "[" * 100_000):
        (tmp_path / ".redacted.json").write_text(text)
        with pytest.raises(OutputError, match="damaged"):
            write_redacted(result, {0: BOX}, tmp_path, open_photo)


def test_nothing_leaves_the_folder_by_a_link(tmp_path):
    result, open_photo = album([[0], [0]])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    result["images"][0]["url"] = "/album/a/0.png"
    result["images"][1]["url"] = "/album/b/1.png"
    copies = tmp_path / "copies"
    copies.mkdir()
    (copies / "a").symlink_to(elsewhere)
    done = write_redacted(result, {0: BOX, 1: BOX}, copies, open_photo)
    assert [p.relative_to(copies).as_posix() for p in done.files] == ["b/1.png"]
    assert "by a link" in done.problems[0]
    assert not [*elsewhere.iterdir()]
