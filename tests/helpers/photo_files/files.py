"""One small photo written in every format and colour mode that is read."""

import functools
import io
import struct
import zlib

import imagecodecs
import numpy as np
import pillow_heif
from PIL import ExifTags, Image, ImageCms

SIZE = (96, 64)  # different sides, so that a wrong turn shows

# What was done to the upright picture before it was stored, by EXIF orientation.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@functools.cache
def picture() -> Image.Image:
    """A smooth colourful picture without any symmetry."""
    x, y = np.meshgrid(np.linspace(0, 1, SIZE[0]), np.linspace(0, 1, SIZE[1]))
    red = 230 * x
    green = 200 * y + 30 * x
    blue = 240 * np.exp(-((x - 0.25) ** 2 + (y - 0.3) ** 2) * 20)
    return Image.fromarray(np.stack([red, green, blue], 2).astype(np.uint8))


def written(image: Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def turned_file(
    orientation: int, image: Image.Image | None = None, format: str = "PNG", **options
) -> bytes:
    """The picture, or another, stored so that the orientation says how to turn it."""
    image = image or picture()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    step = STORED.get(orientation)
    return written(
        image.transpose(step) if step is not None else image, format, exif=exif, **options
    )


def lab() -> Image.Image:
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    converted = ImageCms.applyTransform(picture(), transform)
    assert converted is not None  # as it is with inPlace=True
    return converted


def with_alpha(mode: str) -> Image.Image:
    """The left half transparent, with a colour beneath that must not show."""
    image = picture().convert(mode)
    alpha = Image.new("L", SIZE, 255)
    alpha.paste(0, (0, 0, SIZE[0] // 2, SIZE[1]))
    image.putalpha(alpha)
    return image


@functools.cache
def colour_files() -> dict[str, bytes]:
    """Files that hold the picture in colour, by name; lossy ones at high quality."""
    image = picture()
    pillow_heif.register_heif_opener()
    other = Image.new("RGB", SIZE, "red")
    files = {
        "jpeg": written(image, "JPEG", quality=95, subsampling=0),
        "progressive jpeg": written(image, "JPEG", quality=95, subsampling=0, progressive=True),
        "cmyk jpeg": written(image.convert("CMYK"), "JPEG", quality=95),
        "mpo": written(image, "MPO", save_all=True, append_images=[other], quality=95),
        "png": written(image, "PNG"),
        "rgba png": written(image.convert("RGBA"), "PNG"),
        "palette png": written(image.quantize(256), "PNG"),
        "webp": written(image, "WEBP", lossless=True),
        "animated webp": written(
            image, "WEBP", save_all=True, append_images=[other], lossless=True
        ),
        "tiff": written(image, "TIFF"),
        "lzw tiff": written(image, "TIFF", compression="tiff_lzw"),
        "cmyk tiff": written(image.convert("CMYK"), "TIFF"),
        "lab tiff": written(lab(), "TIFF"),
        "gif": written(image.quantize(256), "GIF"),
        "animated gif": written(
            image.quantize(256), "GIF", save_all=True, append_images=[other.quantize(4)]
        ),
        "bmp": written(image, "BMP"),
        "ppm": written(image, "PPM"),
        "tga": written(image, "TGA"),
        "pcx": written(image, "PCX"),
        "sgi": written(image, "SGI"),
        "jpeg2000": written(image, "JPEG2000"),
        "heif": written(image, "HEIF", quality=95),
        "jpeg xl": bytes(imagecodecs.jpegxl_encode(np.asarray(image), lossless=True)),
    }
    if "AVIF" in Image.SAVE:
        files["avif"] = written(image, "AVIF", quality=95)
    return files


@functools.cache
def grey_files() -> dict[str, bytes]:
    """Files that hold the picture in grey."""
    grey = picture().convert("L")
    values = np.asarray(grey)
    return {
        "grey png": written(grey, "PNG"),
        "grey jpeg": written(grey, "JPEG", quality=95),
        "grey-alpha png": written(grey.convert("LA"), "PNG"),
        "16-bit png": written(Image.fromarray(values.astype(np.uint16) * 257), "PNG"),
        "16-bit tiff": written(Image.fromarray(values.astype(np.uint16) * 257), "TIFF"),
        "32-bit tiff": written(Image.fromarray(values.astype(np.int32) * 257), "TIFF"),
        "float tiff": written(Image.fromarray(values.astype(np.float32)), "TIFF"),
    }


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_bomb(side):
    """A valid header of side x side pixels with a few bytes of pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def bmp_that_is_slow(side=1500):
    """Run lengths of one pixel each, which Pillow unpacks in Python: two seconds."""
    runs = (b"\x01\x05" * side + b"\0\0") * side + b"\0\1"
    start = 54 + 1024
    sizes = (40, side, side, 1, 8, 1, len(runs), 0, 0, 256, 0)
    header = struct.pack("<IHHI", start + len(runs), 0, 0, start) + struct.pack(
        "<IiiHHIIiiII", *sizes
    )
    return b"BM" + header + bytes(1024) + runs
