"""The directories of a TIFF file, which nearly every RAW file is as well.

TIFF 6.0; DNG 1.7 and TIFF/EP (ISO 12234-2) for what tells sensor data from pictures. A plain TIFF
and a RAW file begin with the same bytes, and Pillow would take the thumbnail of one for the photo.
"""

from __future__ import annotations

from collections.abc import Iterator

STARTS = {b"II*\0": "little", b"MM\0*": "big"}
MOST_DIRECTORIES = 16
MOST_ENTRIES = 512
ENTRY_BYTES = 12
SHORT, SUB_DIRECTORIES, ORIENTATION = 3, 330, 274
PART_OFFSETS = (273, 324)  # of strips, of tiles
COMPRESSION, PHOTOMETRIC, DNG_VERSION = 259, 262, 50706
# Sensor data: a colour filter array, or linear values; and the makers' own ways of packing it:
# Nikon, Sony, Epson, Pentax, Kodak, DNG.
SENSOR = {
    PHOTOMETRIC: frozenset({32803, 34892}),
    COMPRESSION: frozenset({34713, 32767, 32769, 65535, 65000, 34892}),
}
Entry = tuple[int, int, int, int]  # tag, type, count, value or where it is


def is_raw_tiff(data: bytes) -> bool:
    """Whether a TIFF file holds the data of a sensor."""
    return any(
        tag == DNG_VERSION or value in SENSOR.get(tag, ()) for tag, _, _, value in _entries(data)
    )


def most_parts(data: bytes) -> int:
    """The most strips or tiles that any directory of a TIFF file lists."""
    return max((count for tag, _, count, _ in _entries(data) if tag in PART_OFFSETS), default=0)


def tiff_orientation(data: bytes) -> int:
    """Exif orientation 1..8 of the first directory; 1 where there is none."""
    values = (value for tag, _, _, value in _entries(data) if tag == ORIENTATION)
    value = next(values, 1)
    return value if 1 <= value <= 8 else 1


def _entries(data: bytes) -> Iterator[Entry]:
    """All entries of the directories, and of those below them."""
    order = STARTS.get(data[:4])
    if order is None:
        return
    waiting, seen = [_number(data, 4, 4, order)], set[int]()
    while waiting and len(seen) < MOST_DIRECTORIES:
        place = waiting.pop(0)
        if not place or place in seen or place + 2 > len(data):
            continue
        seen.add(place)
        count = min(MOST_ENTRIES, _number(data, place, 2, order))
        for start in range(place + 2, place + 2 + count * ENTRY_BYTES, ENTRY_BYTES):
            entry = _entry(data, start, order)
            if entry[0] == SUB_DIRECTORIES:
                waiting += _places(data, entry, order)
            yield entry
        waiting.append(_number(data, place + 2 + count * ENTRY_BYTES, 4, order))


def _entry(data: bytes, start: int, order: str) -> Entry:
    kind = _number(data, start + 2, 2, order)
    bytes_of_value = 2 if kind == SHORT else 4
    return (
        _number(data, start, 2, order),
        kind,
        _number(data, start + 4, 4, order),
        _number(data, start + 8, bytes_of_value, order),
    )


def _places(data: bytes, entry: Entry, order: str) -> list[int]:
    """Where the directories below one are."""
    _, _, count, value = entry
    if count == 1:
        return [value]
    return [_number(data, value + 4 * i, 4, order) for i in range(min(count, MOST_DIRECTORIES))]


def _number(data: bytes, start: int, size: int, order: str) -> int:
    return int.from_bytes(data[start : start + size], "little" if order == "little" else "big")
