"""Decoding: every format, colour mode and orientation, and every kind of bad file."""

import struct

import numpy as np
import pytest
from PIL import Image

from grouping.errors import DecodeError
from grouping.faces.decoding import decode_photo, decoded_from_array, photo_size, reduce_to
from tests.helpers.photo_files.files import (
    SIZE,
    STORED,
    colour_files,
    grey_files,
    picture,
    png_bomb,
    turned_file,
    with_alpha,
    written,
)

LOSSY = 6.0  # mean difference in grey levels that compression or a palette may make


def difference(image, expected):
    assert image.mode == "RGB"
    assert image.size == expected.size
    a, b = (np.asarray(i, dtype=float) for i in (image, expected.convert("RGB")))
    return np.abs(a - b).mean()


@pytest.mark.parametrize("name", colour_files())
def test_colour_files_give_the_picture(name):
    photo = decode_photo(colour_files()[name])
    assert difference(photo.image, picture()) < LOSSY
    assert (photo.width, photo.height) == SIZE
    assert photo.warnings == ()


@pytest.mark.parametrize("name", grey_files())
def test_grey_files_give_the_grey_picture(name):
    photo = decode_photo(grey_files()[name])
    assert difference(photo.image, picture().convert("L")) < 2


def test_lossless_files_give_the_very_pixels():
    for name in ("png", "rgba png", "webp", "tiff", "lzw tiff", "bmp", "ppm", "tga"):
        assert (decode_photo(colour_files()[name]).pixels == np.asarray(picture())).all()


def test_one_bit_pictures():
    bits = picture().convert("1")
    assert difference(decode_photo(written(bits, "PNG")).image, bits) == 0


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_transparent_pixels_are_white_paper(mode):
    pixels = decode_photo(written(with_alpha(mode), "PNG")).pixels
    assert (pixels[:, : SIZE[0] // 2] == 255).all()
    expected = np.asarray(picture().convert(mode).convert("RGB"))
    assert (pixels[:, SIZE[0] // 2 :] == expected[:, SIZE[0] // 2 :]).all()


def test_a_transparent_palette_colour_is_white_paper():
    image = picture().quantize(16)
    index = image.getpixel((0, 0))
    pixels = decode_photo(written(image, "PNG", transparency=index)).pixels
    assert (pixels[0, 0] == 255).all()


def decoded_or_reason(data, max_side):
    try:
        return decode_photo(data, max_side)
    except DecodeError as error:
        return str(error)


@pytest.mark.parametrize("orientation", STORED)
def test_every_orientation_gives_the_upright_pixels(orientation):
    photo = decode_photo(turned_file(orientation))
    assert (photo.pixels == np.asarray(picture())).all()
    assert (photo.width, photo.height) == SIZE


@pytest.mark.parametrize("orientation", STORED)
def test_reduced_jpegs_are_upright_too(orientation):
    large = picture().resize((960, 640), Image.Resampling.BICUBIC)
    photo = decode_photo(turned_file(orientation, large, "JPEG", quality=95), max_side=120)
    assert photo.image.size == (120, 80)
    assert (photo.width, photo.height) == (960, 640)
    assert photo.scale == 120 / 960
    assert difference(photo.image, large.resize((120, 80), Image.Resampling.BOX)) < 2


@pytest.mark.parametrize("orientation", STORED)
def test_tiff_files_that_pillow_turns_itself_are_turned_once(orientation):
    black = picture().convert("1")
    data = turned_file(orientation, black, "TIFF", compression="group4")
    assert difference(decode_photo(data).image, black.convert("RGB")) == 0


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_orientation_that_does_not_exist_counts_as_upright(orientation):
    assert (decode_photo(turned_file(orientation)).pixels == np.asarray(picture())).all()


def test_avif_is_turned_once():
    if "AVIF" not in Image.SAVE:
        pytest.skip("this build of Pillow does not write AVIF")
    photo = decode_photo(turned_file(6, format="AVIF", quality=95))
    assert difference(photo.image, picture()) < LOSSY


def test_in_heif_only_the_files_own_turn_counts():
    """ISO/IEC 23008-12: EXIF orientation is for information there, and phones write both."""
    photo = decode_photo(turned_file(6, format="HEIF", quality=95))
    assert difference(photo.image, picture().transpose(STORED[6])) < LOSSY
    assert (photo.width, photo.height) == SIZE[::-1]


def test_an_icon_is_not_taken_for_a_tga():
    """A TGA has no signature; the size of this icon stands where a TGA has its depth."""
    large = picture().resize((170, 140), Image.Resampling.BICUBIC)
    photo = decode_photo(written(large, "ICO", sizes=[large.size], bitmap_format="bmp"))
    assert difference(photo.image, large) < 5


@pytest.mark.parametrize("max_side", [1000, 500, 333, 125, 17, 1])
@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_the_long_side_is_that_asked_for(format, max_side):
    large = picture().resize((1000, 667), Image.Resampling.BICUBIC)
    photo = decode_photo(written(large, format), max_side)
    assert max(photo.image.size) == max_side
    assert (photo.width, photo.height) == (1000, 667)
    assert photo.scale == max_side / 1000
    assert difference(photo.image, large.resize(photo.image.size, Image.Resampling.BOX)) < 3


def test_small_photos_are_not_enlarged():
    photo = decode_photo(colour_files()["jpeg"], max_side=5000)
    assert photo.image.size == SIZE
    assert photo.scale == 1


def test_a_photo_of_a_single_pixel():
    photo = decode_photo(written(Image.new("RGB", (1, 1), "red"), "PNG"), max_side=1280)
    assert photo.pixels.tolist() == [[[255, 0, 0]]]


def test_the_size_is_read_from_the_header_alone():
    data = colour_files()["jpeg"]
    assert photo_size(data[: len(data) // 2]) == SIZE


def test_pixels_that_need_no_decoding():
    pixels = np.asarray(picture())
    photo = decoded_from_array(pixels)
    assert (photo.pixels == pixels).all()
    half = reduce_to(photo, 48)
    assert (half.image.size, half.scale, half.width) == ((48, 32), 0.5, 96)
    mean = pixels.reshape(32, 2, 48, 2, 3).mean((1, 3))
    assert np.abs(half.pixels - mean).max() <= 1  # rounded twice, once an axis


def noisy(size=(400, 300)):
    """A picture whose file is long, so that a cut leaves a known share of the rows."""
    noise = np.random.default_rng(0).normal(0, 20, (size[1], size[0], 3))
    pixels = np.asarray(picture().resize(size, Image.Resampling.BICUBIC)) + noise
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("max_side", [None, 200])
def test_a_truncated_jpeg_is_used_as_far_as_it_goes(progressive, max_side):
    data = written(noisy(), "JPEG", quality=90, progressive=progressive)
    whole = decode_photo(data, max_side)
    photo = decode_photo(data[: int(len(data) * 0.7)], max_side)
    assert "truncated" in photo.warnings[0]
    assert photo.image.size == whole.image.size
    assert (photo.width, photo.height) == (400, 300)
    rows = photo.image.size[1] // 2
    difference = np.abs(photo.pixels[:rows].astype(float) - whole.pixels[:rows])
    assert difference.mean() < (25 if progressive else 0.5)


def test_a_truncated_png_is_used_as_far_as_it_goes():
    image = noisy()
    data = written(image, "PNG")
    photo = decode_photo(data[: len(data) // 2])
    assert "truncated" in photo.warnings[0]
    assert (photo.pixels[:100] == np.asarray(image)[:100]).all()


def test_a_truncated_jpeg_is_turned_upright_as_well():
    data = turned_file(6, noisy(), "JPEG", quality=90)
    photo = decode_photo(data[: int(len(data) * 0.7)])
    assert photo.image.size == (400, 300)
    assert photo.warnings


def reason(data, **options):
    with pytest.raises(DecodeError) as caught:
        decode_photo(data, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "data",
    [b"GIF", b"\xff\xd8\xff", b"hello, this is text\n" * 50, b"\0" * 4096, b"<svg></svg>"],
)
def test_what_is_no_image_is_said_to_be_none(data):
    assert "not an image" in reason(data)


def test_an_empty_file_is_said_to_be_empty():
    assert "empty" in reason(b"")


def test_a_jpeg_cut_right_after_its_header_is_refused():
    data = written(noisy(), "JPEG", quality=90)
    reason(data[: data.index(b"\xff\xda") + 14])


def test_postscript_is_never_run():
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\nshowpage\n%%EOF\n"
    assert "not an image" in reason(program)


def bmp_bomb(width, height):
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("max_side", [None, 1280])
@pytest.mark.parametrize("data", [png_bomb(14_000), png_bomb(60_000), bmp_bomb(20_000, 20_000)])
def test_decompression_bombs_are_refused_by_their_header(data, max_side):
    assert "megapixels" in reason(data, max_side=max_side)


def test_the_limit_is_not_met_by_large_photos_of_real_cameras():
    large = written(Image.new("L", (9000, 9000)), "PNG")
    assert decode_photo(large, max_side=100).image.size == (100, 100)


def test_a_small_gif_with_a_huge_frame_inside_is_refused():
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 65000, 65000, 0) + b"\x02\x02\x44\x01\x00"
    gif = b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0, 0, 0) + frame + b"\x3b"
    reason(gif)


def test_floats_that_are_not_numbers_are_black():
    values = np.full((8, 8), 100, np.float32)
    values[0, 0] = np.nan
    pixels = decode_photo(written(Image.fromarray(values), "TIFF")).pixels
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[4, 4].tolist() == [100, 100, 100]


def test_warnings_of_pillow_do_not_become_errors(recwarn):
    broken_exif = written(picture(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert decode_photo(broken_exif).image.size == SIZE


def test_turned_files_of_both_sample_pictures(shared_data):
    """All eight orientations of one photo show the same picture."""
    folder = shared_data / "hard" / "exif_orientation"
    for kind in ("Landscape", "Portrait"):
        shown = [
            decode_photo(path.read_bytes(), 200).image for path in sorted(folder.glob(f"*{kind}*"))
        ]
        shown = [image.resize((100, 100)) for image in shown]
        assert len(shown) >= 8
        for image in shown[1:]:
            assert difference(image, shown[0]) < 12


@pytest.mark.filterwarnings("ignore")  # Pillow's remarks on odd files
def test_every_hard_file_is_decoded_or_refused_with_a_reason(shared_data):
    """375 files of every format and colour mode, truncated and corrupt ones among them."""
    outcomes = {"decoded": 0, "refused": 0}
    for path in sorted((shared_data / "hard").rglob("*")):
        if not path.is_file():
            continue
        photo = decoded_or_reason(path.read_bytes(), 320)
        if isinstance(photo, str):
            assert photo
            assert "\n" not in photo
            outcomes["refused"] += 1
        else:
            assert photo.image.mode == "RGB"
            assert max(photo.image.size) <= 320
            outcomes["decoded"] += 1
    assert outcomes["decoded"] > 200
    assert outcomes["refused"] > 20
