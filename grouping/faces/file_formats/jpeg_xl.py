"""JPEG XL: the header is read here, the picture by libjxl through imagecodecs (both BSD).

A Pillow image file that is not registered with Pillow, where another plugin may be. The size
stands in the first bits of the codestream (ISO/IEC 18181-1, annex D), and is known before
anything is decoded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from grouping.errors import DecodeError
from grouping.faces.file_formats.pixels import CONVERTED_PIXELS
from grouping.records import UInt8

CODESTREAM = b"\xff\x0a"
CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
MOST_BOXES = 100  # of a container, before its codestream
HEADER_BYTES = 16
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width to height
SIZE_BITS = (9, 13, 18, 30)
MOST_CHANNELS = 4  # grey or colour, and how opaque


def is_jpeg_xl(head: bytes) -> bool:
    """Whether bytes begin as JPEG XL does."""
    return head.startswith((CODESTREAM, CONTAINER))


class JpegXlImageFile(ImageFile.ImageFile):
    """One JPEG XL picture, upright; of an animation the first frame."""

    format = "JXL"
    format_description = "JPEG XL"

    def _open(self) -> None:
        assert self.fp is not None
        self._data = self.fp.read()
        self._size = jpeg_xl_size(self._data)
        self._mode = "RGB"  # until it is decoded
        self.tile = []

    def load(self) -> Any:
        """Decode; the orientation of the file is applied, which may swap its sides."""
        if self._data:
            decoded = _decoded(self._data)
            self._mode, self._size = decoded.mode, decoded.size
            self.im = decoded.im
            self._data = b""
        return super().load()


def jpeg_xl_size(data: bytes) -> tuple[int, int]:
    """Width and height as stored.

    Raises:
        DecodeError: the header is damaged.
    """
    return _read_size(_size_bits(data))


def _size_bits(data: bytes) -> _Bits:
    """The header from where the size stands."""
    header = _codestream(data)
    if len(header) < 4 or not header.startswith(CODESTREAM):
        raise DecodeError("the image is damaged: its header is no JPEG XL")
    return _Bits(int.from_bytes(header[2:HEADER_BYTES], "little"))


def _read_size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = _side(bits, small)
    ratio = bits.take(3)
    if ratio:
        across, down = RATIOS[ratio - 1]
        return height * across // down, height
    return _side(bits, small), height


def jpeg_xl_sample_bytes(data: bytes) -> int:
    """Bytes of a sample once it is decoded: 1, 2, or 4; 4 where the header is not plain.

    Raises:
        DecodeError: the header is damaged.
    """
    bits = _size_bits(data)
    _read_size(bits)
    if bits.take(1):  # all is as usual: 8 bits
        return 1
    if bits.take(1):  # more fields; of those, only the orientation is passed over
        bits.take(3)
        if bits.take(3):
            return 4
    if bits.take(1):  # of floating point
        return 4
    depth = (8, 10, 12, 0)[bits.take(2)] or 1 + bits.take(6)
    return 1 if depth <= 8 else 2 if depth <= 16 else 4


class _Bits:
    def __init__(self, value: int) -> None:
        self._value = value

    def take(self, count: int) -> int:
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken


def _side(bits: _Bits, small: int) -> int:
    if small:
        return 8 * (1 + bits.take(5))
    return 1 + bits.take(SIZE_BITS[bits.take(2)])


def _codestream(data: bytes) -> bytes:
    """The first bytes of the codestream, bare or in the boxes of a container."""
    if not data.startswith(CONTAINER):
        return data[:HEADER_BYTES]
    position = 0
    for _ in range(MOST_BOXES):
        size = int.from_bytes(data[position : position + 4], "big")
        kind, start = data[position + 4 : position + 8], position + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        if kind in (b"jxlc", b"jxlp"):
            start += 4 * (kind == b"jxlp")  # the number of the part
            return data[start : start + HEADER_BYTES]
        if size < 8:
            break
        position += size
    return b""


def _decoded(data: bytes) -> Image.Image:
    import imagecodecs

    try:
        pixels = np.asarray(imagecodecs.jpegxl_decode(data, index=0, numthreads=1))
    except imagecodecs.JpegxlError as error:
        raise DecodeError(f"the image is damaged: {error}") from error
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim not in (2, 3) or pixels.shape[2:] > (MOST_CHANNELS,):
        raise DecodeError(f"a JPEG XL of shape {pixels.shape} is no photo")
    rows = max(1, CONVERTED_PIXELS // max(1, pixels.shape[1]))
    eight = np.empty(pixels.shape, np.uint8)
    for top in range(0, len(pixels), rows):
        eight[top : top + rows] = _eight_bits(pixels[top : top + rows])
    return Image.fromarray(eight)


def _eight_bits(pixels: npt.NDArray[Any]) -> UInt8:
    """(h, w) or (h, w, c) of whole numbers or of floats in [0, 1] as uint8."""
    if np.issubdtype(pixels.dtype, np.integer):
        values = pixels // (np.iinfo(pixels.dtype).max // 255)
    else:
        values = np.nan_to_num(pixels).clip(0, 1) * 255
    return np.asarray(values, np.uint8)
