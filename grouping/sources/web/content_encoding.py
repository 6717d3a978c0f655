"""Content-Encoding: what servers say of a body, and unpacking it to a bound.

Servers and people put all kinds of words there: ``aws-chunked`` is left over from an upload,
``utf-8`` and ``binary`` are mistakes. They say nothing of the body, which is taken as it is.
"""

from __future__ import annotations

import zlib

from grouping.errors import FetchError
from grouping.sources.photo import too_large_error

PACKED = frozenset({"gzip", "x-gzip", "deflate"})
OTHER_PACKED = frozenset({"br", "zstd", "compress", "x-compress", "dcb", "dcz"})
GZIP_MARK = b"\x1f\x8b"
MOST_LAYERS = 2
MOST_MEMBERS = 1000  # of a gzip file: parts that stand one after the other
EITHER_HEADER = 32 + zlib.MAX_WBITS  # zlib finds out whether it is gzip or zlib


def unpacked(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body without its Content-Encoding.

    Raises:
        FetchError: it is packed in a way that is not read, damaged, or larger than ``max_bytes``.
    """
    words = [word.strip().lower() for word in encoding.split(",")]
    if unknown := OTHER_PACKED.intersection(words):
        raise FetchError(f"the server answered packed ({min(unknown)}), which it was not asked to")
    for word in [word for word in words if word in PACKED][-MOST_LAYERS:]:
        if word == "deflate" or body.startswith(GZIP_MARK):  # often said of what is not packed
            body = _inflated(body, word, max_bytes)
    return body


def _inflated(body: bytes, word: str, max_bytes: int) -> bytes:
    found = bytearray()
    try:
        for _ in range(MOST_MEMBERS):
            member = zlib.decompressobj(_window(body, word))
            found += member.decompress(body, max_bytes + 1 - len(found))
            if len(found) > max_bytes:
                raise too_large_error(max_bytes)
            if not member.eof:
                raise FetchError("the packed body ends too early", retryable=True)
            body = member.unused_data
            if not body.startswith(GZIP_MARK):
                break
    except zlib.error as error:
        raise FetchError("the packed body is damaged", retryable=True) from error
    return bytes(found)


def _window(body: bytes, word: str) -> int:
    """What zlib is told of the header: some servers send ``deflate`` without any."""
    has_header = body[:1] and body[0] & 15 == 8 and not int.from_bytes(body[:2], "big") % 31
    return EITHER_HEADER if word != "deflate" or has_header else -zlib.MAX_WBITS
