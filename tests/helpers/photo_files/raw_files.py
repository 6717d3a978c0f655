"""RAW files as cameras write them: a DNG that LibRaw reads, the starts of other makers' files."""

import struct

import numpy as np
from PIL import Image

from tests.helpers.photo_files.files import written

SHORT, LONG, RATIONAL, SRATIONAL, ASCII, BYTE = 3, 4, 5, 10, 2, 1
SIZES = {SHORT: 2, LONG: 4, RATIONAL: 8, SRATIONAL: 8, ASCII: 1, BYTE: 1}
FORMATS = {SHORT: "H", LONG: "I", BYTE: "B"}

# How the files of makers begin; what follows is only read for its preview.
STARTS = {
    "cr2": b"II*\0\x10\0\0\0CR\x02\0",
    "cr3": b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
    "raf": b"FUJIFILMCCD-RAW 0201FF393102X-T2",
    "orf": b"IIRO\x08\0\0\0",
    "rw2": b"IIU\0\x18\0\0\0",
    "x3f": b"FOVb\0\0\x02\0",
    "mrw": b"\0MRM\0\0\0\x20",
    "crw": b"II\x1a\0\0\0HEAPCCDR",
}


def dng(
    image: Image.Image,
    *,
    preview: Image.Image | None = None,
    orientation: int = 1,
    preview_options: dict | None = None,
) -> bytes:
    """A DNG whose sensor saw ``image``, with a JPEG preview where one is given."""
    sensor = _mosaic(image)
    shown = (
        b"" if preview is None else written(preview, "JPEG", quality=90, **preview_options or {})
    )
    width, height = image.size
    first = [
        (254, LONG, [1]),
        (271, ASCII, b"Maker\0"),
        (272, ASCII, b"Model\0"),
        (274, SHORT, [orientation]),
        (330, LONG, ["sub"]),
        (50706, BYTE, [1, 4, 0, 0]),
        (50708, ASCII, b"Maker Model\0"),
        (50721, SRATIONAL, [(10000 * (i % 4 == 0), 10000) for i in range(9)]),
        (50728, RATIONAL, [(1, 1)] * 3),
        (50778, SHORT, [21]),
    ]
    if preview is not None:
        first += [
            (256, LONG, [preview.width]),
            (257, LONG, [preview.height]),
            (258, SHORT, [8, 8, 8]),
            (259, SHORT, [7]),
            (262, SHORT, [6]),
            (273, LONG, ["preview"]),
            (277, SHORT, [3]),
            (278, LONG, [preview.height]),
            (279, LONG, [len(shown)]),
        ]
    raw = [
        (254, LONG, [0]),
        (256, LONG, [width]),
        (257, LONG, [height]),
        (258, SHORT, [16]),
        (259, SHORT, [1]),
        (262, SHORT, [32803]),
        (273, LONG, ["sensor"]),
        (277, SHORT, [1]),
        (278, LONG, [height]),
        (279, LONG, [len(sensor)]),
        (33421, SHORT, [2, 2]),
        (33422, BYTE, [0, 1, 1, 2]),
        (50714, SHORT, [0]),
        (50717, LONG, [65535]),
    ]
    return _tiff(first, raw, {"preview": shown, "sensor": sensor})


def maker_file(kind: str, preview: Image.Image, **options) -> bytes:
    """A file that begins as a maker's and holds a preview and a thumbnail somewhere."""
    thumbnail = written(preview.resize((160, 120)), "JPEG")
    whole = written(preview, "JPEG", quality=90, **options)
    return STARTS[kind].ljust(512, b"\0") + thumbnail + bytes(777) + whole + bytes(5000)


def _mosaic(image: Image.Image) -> bytes:
    """What a sensor with red, green, green, blue filters gives, linear, 16 bits."""
    linear = (np.asarray(image.convert("RGB"), np.float64) / 255) ** 2.2 * 65535
    sensor = linear[:, :, 1].copy()
    sensor[::2, ::2] = linear[::2, ::2, 0]
    sensor[1::2, 1::2] = linear[1::2, 1::2, 2]
    return sensor.astype("<u2").tobytes()


def _tiff(first, sub, parts) -> bytes:
    places, position = {}, 8
    for name, entries in (("first", first), ("sub", sub)):
        places[name] = position
        position += 2 + 12 * len(entries) + 4
        position += sum(-(-_bytes(e) // 2) * 2 for e in entries if _bytes(e) > 4)
    for name, data in parts.items():
        places[name] = position
        position += len(data)
    body = b"".join(
        _directory(entries, places, places[name])
        for name, entries in (("first", first), ("sub", sub))
    )
    return b"II*\0" + struct.pack("<I", 8) + body + b"".join(parts.values())


def _bytes(entry) -> int:
    _, kind, values = entry
    return SIZES[kind] * len(values)


def _directory(entries, places, start) -> bytes:
    entries = sorted(entries)
    extra_at = start + 2 + 12 * len(entries) + 4
    head, extra = struct.pack("<H", len(entries)), b""
    for tag, kind, values in entries:
        data = _packed(kind, values, places)
        if len(data) <= 4:
            value = data.ljust(4, b"\0")
        else:
            value = struct.pack("<I", extra_at + len(extra))
            extra += data + b"\0" * (len(data) % 2)
        head += struct.pack("<HHI", tag, kind, len(values)) + value
    return head + bytes(4) + extra


def _packed(kind, values, places) -> bytes:
    if kind == ASCII:
        return values
    if kind in (RATIONAL, SRATIONAL):
        return b"".join(struct.pack("<iI" if kind == SRATIONAL else "<II", *v) for v in values)
    return struct.pack(f"<{len(values)}{FORMATS[kind]}", *(places.get(v, v) for v in values))
