"""What a JPEG file will ask of a decoder, counted before any of it is decoded.

A progressive JPEG is a row of scans, each of which may touch every coefficient of the picture: a
file of some hundred kilobytes can keep a decoder busy for minutes, and its coefficients are in
memory all at once. Cameras and programs write about ten scans.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from grouping.errors import DecodeError

# A marker is 0xFF, perhaps repeated, and a byte; within the data 0xFF is followed by 0 or a restart
# marker. Only the last 0xFF is looked for: with all of them a search over a long row of them, which
# a damaged or hostile file may hold, would begin anew at each and take hours.
MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
START_OF_SCAN, END, STANDALONE = 0xDA, 0xD9, frozenset({0x01, 0xD8})
MAX_MARKERS = 10_000
MAX_SCANS = 200
# Of all scans together: 200 megapixels in 20 scans, or 20 megapixels in 200. Seconds, not minutes.
MAX_SCANNED_PIXELS = 4e9
MAX_PIXELS = 500e6
MAX_COEFFICIENT_BYTES = 640 * 2**20
COEFFICIENT_BYTES = 2


@dataclass(frozen=True)
class JpegStructure:
    """What was counted.

    Attributes:
        width, height: pixels; 0 where no frame was found.
        samples: of all components together.
        scans: how often the decoder passes over a picture.
        lossless: as the sensor data within RAW files; no photo that is shown.
    """

    width: int = 0
    height: int = 0
    samples: int = 0
    scans: int = 0
    lossless: bool = False


def jpeg_structure(data: bytes, start: int = 0) -> JpegStructure:
    """Count what a JPEG that begins at ``start`` holds, up to the end of its first image.

    Counting ends early where there is more than :func:`check_jpeg` lets pass.

    Raises:
        DecodeError: there is no end of small parts.
    """
    found, scans, position = JpegStructure(), 0, start + 2
    for _ in range(MAX_MARKERS):
        marker = MARKER.search(data, position)
        kind = END if marker is None else marker[1][0]
        if marker is None or kind == END or scans > MAX_SCANS:
            return JpegStructure(found.width, found.height, found.samples, scans, found.lossless)
        position = marker.end()
        if kind in STANDALONE:
            continue
        if kind in START_OF_FRAME and not found.width:
            found = _frame(data[position : position + 32], kind)
        scans += kind == START_OF_SCAN
        position += max(2, int.from_bytes(data[position : position + 2], "big"))
    raise DecodeError(f"the image is damaged: it has more than {MAX_MARKERS} parts")


def check_jpeg(data: bytes) -> None:
    """Refuse what would keep a decoder busy for minutes or fill the memory.

    Raises:
        DecodeError: there are too many scans, pixels or coefficients.
    """
    found = jpeg_structure(data)
    pixels = found.width * found.height
    if pixels > MAX_PIXELS:
        raise DecodeError(
            f"{found.width}x{found.height} px exceeds the limit of {MAX_PIXELS / 1e6:.0f} "
            "megapixels; reduce the photo first"
        )
    if found.scans > MAX_SCANS or found.scans * pixels > MAX_SCANNED_PIXELS:
        raise DecodeError(
            f"the image would be decoded {found.scans} times over (scans of a progressive JPEG); "
            "save it again first"
        )
    if found.scans > 1 and found.samples * COEFFICIENT_BYTES > MAX_COEFFICIENT_BYTES:
        raise DecodeError(
            f"a progressive JPEG of {found.width}x{found.height} px takes too much memory; "
            "save it again as a baseline JPEG"
        )


def _frame(header: bytes, kind: int) -> JpegStructure:
    """What a frame header says: length, bits, height, width, components with their sampling."""
    height, width = int.from_bytes(header[3:5], "big"), int.from_bytes(header[5:7], "big")
    sampling = [(byte >> 4, byte & 15) for byte in header[9 : 8 + 3 * min(4, header[7]) : 3]]
    most = max((h for h, _ in sampling), default=1) * max((v for _, v in sampling), default=1)
    share = sum(h * v for h, v in sampling) / max(1, most)
    return JpegStructure(width, height, int(width * height * share), 0, kind in LOSSLESS)
