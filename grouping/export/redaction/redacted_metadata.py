"""Metadata of a photo without small pictures of it, and without what names a covered face.

Kept is what says how and when a photo was taken. Removed are pictures within it, which show what is
covered now (the thumbnail of Exif, previews in makers' notes and Photoshop's resources, pictures in
XMP), and face regions of Exif's companions that lie over a covered face, with their names.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from PIL import ExifTags, Image

from grouping.faces.pictures.covering import Area

# How TIFF stores the pixels, which is told anew.
_STORAGE_TAGS = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 263, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320}
    | {*range(322, 326), 332, 333, 334, 336, 338, 339, 340, 341, 347, *range(512, 522)}
    | {529, 530, 532}
)
# Exif tags that hold pictures, or private data in which pictures hide; and XMP and Photoshop's
# resources of TIFF, which are cleaned on their own.
_PICTURE_TAGS = (0x0201, 0x0202, 0x014A, 0x02BC, 0x8649, 0x501B, 0x927C, 0xC4A5, 0x83BB)
LONGEST_VALUE = 4096  # bytes of a value; what is longer is a picture or private
LONGEST_TEXT = 4096  # characters in XMP without a space
LONGEST_XMP = 4 * 2**20
OVERLAP = 0.3  # of the smaller of a region and a covered area
_IPTC = 0x0404  # Photoshop's resource that holds IPTC
_KEYWORD = b"\x1c\x02\x19"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_PICTURES = ("{http://ns.adobe.com/xap/1.0/}Thumbnails",)
_NAMES = ("Name", "PersonDisplayName", "RegionName")
Regions = tuple[Area, ...]


def without_pictures(exif: Image.Exif) -> bytes:
    """Return Exif data without its thumbnail and without values in which pictures hide."""
    parts = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
    for tags in (exif, *(exif.get_ifd(part) for part in parts if part in exif)):
        for tag, value in [*tags.items()]:
            long = isinstance(value, bytes | str) and len(value) > LONGEST_VALUE
            if tag in _STORAGE_TAGS or tag in _PICTURE_TAGS or long:
                del tags[tag]
    return exif.tobytes()


def without_regions(xmp: bytes, covered: Regions) -> tuple[bytes | None, frozenset[str]]:
    """Return XMP without pictures and without regions over covered areas, and the names of these.

    Args:
        xmp: the packet.
        covered: areas in shares of the photo's sides, upright and as stored: programs differ in
            which of them their regions mean.

    Returns:
        The packet, None where it cannot be read: then nothing of it can be kept.
    """
    start, end = xmp.find(b"<x:xmpmeta"), xmp.rfind(b"</x:xmpmeta>")
    text = xmp if start < 0 or end < 0 else xmp[start : end + len(b"</x:xmpmeta>")]
    if len(text) > LONGEST_XMP or b"<!" in text:  # a declaration may stand for much more
        return None, frozenset()
    try:
        root = ElementTree.fromstring(text)
        names = frozenset(_remove_regions(root, covered))
        _remove_pictures_and_names(root, names)
        return ElementTree.tostring(root), names
    except (ElementTree.ParseError, ValueError, RecursionError):
        return None, frozenset()


def iptc_without(resources: Mapping[int, bytes], names: frozenset[str]) -> bytes:
    """Return the JPEG segment that holds IPTC without keywords of those names; empty for none.

    Args:
        resources: of Photoshop, by their number.
        names: of faces that are covered.
    """
    data = resources.get(_IPTC, b"")
    kept = b"".join(part for part in _datasets(data) if not _is_keyword(part, names))
    if not isinstance(data, bytes) or not kept:
        return b""
    resource = b"8BIM" + struct.pack(">HHL", _IPTC, 0, len(kept)) + kept + b"\0" * (len(kept) % 2)
    payload = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", 2 + len(payload)) + payload


def _datasets(data: bytes) -> Iterator[bytes]:
    """Yield the data sets of IPTC (IIM 4.2, section 1.5) as far as they are whole."""
    place = 0
    while place + 5 <= len(data) and data[place] == 0x1C:
        length = struct.unpack_from(">H", data, place + 3)[0]
        if length & 0x8000 or place + 5 + length > len(data):  # of more than 32 kB: no text
            return
        yield data[place : place + 5 + length]
        place += 5 + length


def _is_keyword(dataset: bytes, names: frozenset[str]) -> bool:
    return dataset[:3] == _KEYWORD and dataset[5:].decode("utf-8", "replace") in names


def _remove_regions(root: ElementTree.Element, covered: Regions) -> Iterator[str]:
    """Take away list items that are regions over covered areas; yield their names."""
    for parent in [*root.iter()]:
        for item in [*parent]:
            if item.tag != f"{_RDF}li":
                continue
            values = dict(_values(item))
            if any(_overlap(area, other) for area in _areas(values) for other in covered):
                parent.remove(item)
                yield from (values[name] for name in _NAMES if values.get(name))


def _values(element: ElementTree.Element) -> Iterator[tuple[str, str]]:
    """Yield all attributes and texts within an element by their names without name spaces."""
    for inner in element.iter():
        for name, value in inner.attrib.items():
            yield name.rpartition("}")[2], value
        if inner.text and inner.text.strip():
            yield inner.tag.rpartition("}")[2], inner.text.strip()


def _areas(values: Mapping[str, Any]) -> Iterator[Area]:
    """Yield the area that a region's values say, in each of the ways that programs write it."""
    try:
        if "Rectangle" in values:  # Microsoft: left, top, width, height
            x, y, w, h = (float(part) for part in values["Rectangle"].split(","))
            yield x, y, x + w, y + h
        if "rbX" in values:  # IPTC
            x, y, w, h = (float(values[name]) for name in ("rbX", "rbY", "rbW", "rbH"))
            yield x, y, x + w, y + h
        if {"x", "y"} <= set(values):  # MWG, ACDSee: the middle
            x, y = float(values["x"]), float(values["y"])
            w, h = (float(values.get(name, values.get("d", 0))) for name in ("w", "h"))
            yield x - w / 2, y - h / 2, x + w / 2, y + h / 2
    except (KeyError, ValueError):
        yield 0.0, 0.0, 1.0, 1.0  # nobody knows where it is


def _overlap(a: Area, b: Area) -> bool:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    if width < 0 or height < 0:
        return False
    return not smaller > 0 or width * height >= OVERLAP * smaller


def _remove_pictures_and_names(root: ElementTree.Element, names: frozenset[str]) -> None:
    """Take away long values without a space, which are pictures, and list items of those names."""
    for parent in [*root.iter()]:
        for name, value in [*parent.attrib.items()]:
            if _is_picture(value):
                del parent.attrib[name]
        for item in [*parent]:
            text = (item.text or "").strip()
            last = text.replace("|", "/").rpartition("/")[2]
            named = item.tag == f"{_RDF}li" and {text, last} & names
            if named or item.tag in _PICTURES or _is_picture(text):
                parent.remove(item)


def _is_picture(text: str) -> bool:
    return max(map(len, text.split()), default=0) > 64 and len(text) > LONGEST_TEXT
