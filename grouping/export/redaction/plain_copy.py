"""A photo to be handed to somebody else: what it shows and when, not where, by whom or with what.

A JPEG keeps its pixels to the bit: its segments are copied but for those that tell something (Exif,
XMP, IPTC, makers' notes, comments) and what hangs behind the picture (previews, films of moving
photos). Every other format becomes an upright JPEG, which each browser shows.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from PIL import ExifTags, Image

from grouping.errors import DecodeError
from grouping.faces.decoding import DECODER_ERRORS, decode_photo, opened_photo, orientation_of
from grouping.faces.file_formats.raw import is_raw

QUALITY = 95
MEDIA_TYPE = "image/jpeg"
TAKEN = (0x9003, 0x9011)  # DateTimeOriginal and its offset from UTC
LONGEST_TAKEN = 40
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_APP, _COMMENT = range(0xE0, 0xF0), 0xFE
# What a decoder needs: JFIF, colour profiles, and Adobe's word on how the colours are stored.
_KEPT = ((0xE0, b"JFIF\0"), (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"))


def plain_copy(data: bytes) -> bytes:
    """Return a JPEG of a photo without what its file tells besides.

    Args:
        data: the bytes of its file.

    Raises:
        DecodeError: the photo cannot be read.
    """
    if is_raw(data):  # whose first picture is a thumbnail
        return _written_anew(data)
    image = opened_photo(data)
    try:
        if image.format in ("JPEG", "MPO"):
            return b"\xff\xd8" + _exif_segment(image) + b"".join(_picture_segments(data))
    except (struct.error, IndexError, ValueError, *DECODER_ERRORS):
        pass  # not whole: what can be seen of it is written anew
    return _written_anew(data)


def _written_anew(data: bytes) -> bytes:
    """Return what can be seen of a photo; Pillow would write comments and XMP of it again."""
    image = decode_photo(data).image.copy()
    image.info = {key: image.info[key] for key in ("icc_profile",) if key in image.info}
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=QUALITY)
    return encoded.getvalue()


def _exif_segment(image: Image.Image) -> bytes:
    """How the pixels are turned, and when they were taken."""
    taken = image.getexif().get_ifd(ExifTags.IFD.Exif)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation_of(image)
    part = exif.get_ifd(ExifTags.IFD.Exif)
    for tag in TAKEN:
        value = taken.get(tag)
        if isinstance(value, str) and len(value) <= LONGEST_TAKEN and value.isascii():
            part[tag] = value
    payload = exif.tobytes()
    return b"\xff\xe1" + struct.pack(">H", 2 + len(payload)) + payload


def _picture_segments(data: bytes) -> Iterator[bytes]:
    """Yield the segments after the first marker that a decoder needs, up to the end marker.

    Raises:
        DecodeError: there is no end.
        struct.error, IndexError: a segment is cut short.
    """
    place = 2
    while True:
        place = _marker_at(data, place)
        marker = data[place + 1]
        if marker == _END:
            yield b"\xff\xd9"
            return
        if marker in _ALONE:
            place += 2
            continue
        end = place + 2 + struct.unpack_from(">H", data, place + 2)[0]
        if marker == _SCAN:
            end = _end_of_scan(data, end)
        if _is_needed(marker, data[place + 4 : place + 20]):
            yield data[place:end]
        place = end


def _marker_at(data: bytes, place: int) -> int:
    """Where the next marker begins; fill bytes and what does not belong there are passed over."""
    while True:
        place = data.find(b"\xff", place)
        if place < 0:
            raise DecodeError("the JPEG has no end")
        if data[place + 1] not in (0x00, 0xFF):
            return place
        place += 1


def _end_of_scan(data: bytes, place: int) -> int:
    """Where the marker after the compressed pixels begins; restarts are among these."""
    while True:
        place = _marker_at(data, place)
        if data[place + 1] not in _ALONE:
            return place
        place += 2


def _is_needed(marker: int, head: bytes) -> bool:
    if marker == _COMMENT:
        return False
    return marker not in _APP or any(marker == m and head.startswith(s) for m, s in _KEPT)
