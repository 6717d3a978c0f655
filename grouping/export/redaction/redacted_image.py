"""The bytes of a photo with areas covered: its format, its quality and its metadata kept.

The pixels are covered as they are stored, so that orientation and all that is said of places in the
photo stay right. Only what this program decodes is written: what hangs behind a JPEG (previews, the
film of a moving photo) or in further pages goes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image, JpegImagePlugin, PngImagePlugin

from grouping.export.redaction.redacted_metadata import (
    Regions,
    iptc_without,
    without_pictures,
    without_regions,
)
from grouping.faces.decoding import DECODER_ERRORS, decode_photo, opened_photo, orientation_of
from grouping.faces.file_formats.raw import is_raw
from grouping.faces.pictures.covering import Area, areas_around, cover
from grouping.records import Float32
from grouping.sources.metadata.stored_areas import stored_area

XMP_TAG = 700  # of TIFF
QUALITY = 95  # of what is compressed with a loss anew; a JPEG keeps its own tables
Saved = tuple[bytes, str]


def redacted(data: bytes, boxes: Float32) -> tuple[bytes, str, str]:
    """Return a photo with faces covered.

    Args:
        data: the bytes of its file.
        boxes: (k, 4) float32 xyxy in pixels of the upright photo.

    Returns:
        The bytes, the suffix that has to be added to the photo's name where the format cannot be
        written (else empty), and a remark on what was not kept (else empty).

    Raises:
        DecodeError: the photo cannot be read.
    """
    if is_raw(data):  # whose first picture is a thumbnail
        return _from_pixels(data, boxes)
    image = opened_photo(data)
    try:
        return *_redacted(image, boxes), ""
    except DECODER_ERRORS:
        return _from_pixels(data, boxes)


def _redacted(image: Image.Image, boxes: Float32) -> Saved:
    """Return the bytes and the suffix to be added."""
    image.load()  # which turns some formats upright, and says so
    orientation = orientation_of(image)
    w, h = image.size
    width, height = (w, h) if orientation < 5 else (h, w)
    upright = [
        (a / width, b / height, c / width, d / height)
        for a, b, c, d in areas_around(boxes, width, height)
    ]
    stored = [_stored(area, orientation) for area in upright]
    save, suffix = _SAVERS.get(image.format or "", (_save_png, ".png"))
    metadata, names = _metadata(image, (*upright, *stored))
    image = _with_colours(image)
    cover(image, [(a * w, b * h, c * w, d * h) for a, b, c, d in stored])
    return save(image, metadata, names), suffix


def _stored(area: Area, orientation: int) -> Area:
    """Return an area in shares of the sides of the photo as it is stored."""
    a, b, c, d = area
    x, y, w, h = stored_area(((a + c) / 2, (b + d) / 2, c - a, d - b), orientation)
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def _with_colours(image: Image.Image) -> Image.Image:
    """Return the same picture in a mode whose pixels are colours."""
    if image.mode not in ("P", "PA", "1", "LAB", "HSV", "YCbCr", "I", "F"):
        return image
    return image.convert("RGBA" if "transparency" in image.info else "RGB")


def _from_pixels(data: bytes, boxes: Float32) -> tuple[bytes, str, str]:
    """Return what can be seen of a photo that is not whole, upright and without metadata."""
    photo = decode_photo(data)
    cover(photo.image, areas_around(boxes, photo.width, photo.height))
    encoded = io.BytesIO()
    photo.image.save(encoded, "JPEG", quality=QUALITY)
    return encoded.getvalue(), ".jpg", "its metadata could not be kept"


def _metadata(image: Image.Image, covered: Regions) -> tuple[dict[str, Any], frozenset[str]]:
    """Return what of it is written again, as options of Pillow, and the names of covered faces."""
    metadata: dict[str, Any] = {}
    exif = image.getexif()
    if len(exif):
        metadata["exif"] = without_pictures(exif)
    if profile := image.info.get("icc_profile"):
        metadata["icc_profile"] = profile
    names: frozenset[str] = frozenset()
    if xmp := image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"):
        packet = xmp.encode() if isinstance(xmp, str) else bytes(xmp)
        cleaned, names = without_regions(packet, covered)
        metadata["xmp"] = cleaned or b""
    return metadata, names


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, kind, **options)
    return encoded.getvalue()


def _save_jpeg(image: Image.Image, metadata: dict[str, Any], names: frozenset[str]) -> bytes:
    options: dict[str, Any] = {"quality": QUALITY}
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(image)
        options = {"qtables": image.quantization}
        options["subsampling"] = sampling if sampling >= 0 else 0
    iptc = iptc_without(image.info.get("photoshop") or {}, names)
    if image.info.get("dpi"):
        options["dpi"] = image.info["dpi"]
    return _encoded(image, "JPEG", **options, **metadata, extra=iptc)


def _save_png(image: Image.Image, metadata: dict[str, Any], names: frozenset[str]) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    if "xmp" in metadata:
        chunks.add_itxt("XML:com.adobe.xmp", metadata.pop("xmp").decode("utf-8", "replace"))
    return _encoded(image, "PNG", pnginfo=chunks, **metadata)


def _save_webp(image: Image.Image, metadata: dict[str, Any], names: frozenset[str]) -> bytes:
    return _encoded(image, "WEBP", quality=QUALITY, **metadata)


def _save_tiff(image: Image.Image, metadata: dict[str, Any], names: frozenset[str]) -> bytes:
    plain = image.copy()  # without the tags of the file, which are given anew
    exif = Image.Exif()
    exif.load(metadata.pop("exif", b""))
    if xmp := metadata.pop("xmp", b""):
        exif[XMP_TAG] = xmp
    return _encoded(
        plain, "TIFF", exif=exif, **metadata
    )  # libtiff, which packs, writes no part of Exif


def _save_heif(image: Image.Image, metadata: dict[str, Any], names: frozenset[str]) -> bytes:
    plain = image.copy()
    plain.info = {}
    return _encoded(plain, "HEIF", quality=QUALITY, **metadata)


def _save_avif(image: Image.Image, metadata: dict[str, Any], names: frozenset[str]) -> bytes:
    plain = image.copy()
    plain.info = {}
    return _encoded(plain, "AVIF", quality=QUALITY, **metadata)


_SAVERS: dict[str, tuple[Callable[[Image.Image, dict[str, Any], frozenset[str]], bytes], str]] = {
    "JPEG": (_save_jpeg, ""),
    "MPO": (_save_jpeg, ""),
    "PNG": (_save_png, ""),
    "WEBP": (_save_webp, ""),
    "TIFF": (_save_tiff, ""),
    "HEIF": (_save_heif, ""),
    "AVIF": (_save_avif, ""),
}
