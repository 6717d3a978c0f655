"""Photos of an album that are uploaded: from the network to files of the album, byte by byte.

Starlette's own parser would write them to the folder for temporary files first.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from grouping.api.albums.corrections import JOINERS
from grouping.service.schemas import is_shown
from grouping.service.web.refusals import bad_request, invalid, too_large

MOST_HEADER_BYTES = 8 * 1024  # of one part
MOST_JSON_BYTES = 64 * 1024
LONGEST_ID = 512
PHOTOS, ALBUM = "photos", "album"


@dataclass
class Uploads:
    """What a multipart body held.

    Attributes:
        names: of the photos, as the caller's program named the files.
        files: of the photos, in the same order; the caller of :func:`read_uploads` removes them.
        album: the part of that name, JSON; None without one.
        digest: SHA-256 of all of it, whatever the boundary.
    """

    names: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    album: bytes | None = None
    digest: str = ""

    def remove(self) -> None:
        """Remove the files again."""
        for path in self.files:
            path.unlink(missing_ok=True)


async def read_uploads(
    request: Request, uploads: Uploads, new_file: Callable[[], Path], most: int, most_files: int
) -> None:
    """Read a body of ``photos`` and, once, ``album``.

    Args:
        request: with the body.
        uploads: is filled, also where this fails.
        new_file: gives the place of the next photo.
        most: bytes of one photo.
        most_files: photos.

    Raises:
        RefusedRequestError: the body is damaged, or over a limit.
        OSError: a file cannot be written.
    """
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046
        raise bad_request("multipart/form-data needs a boundary of 1 to 70 characters")
    reader = _Reader(boundary, uploads, new_file, most, most_files)
    try:
        async for chunk in request.stream():
            reader.write(chunk)
        reader.finish()
    except FormParserError:
        raise bad_request("the multipart body is damaged; send it again") from None
    finally:
        reader.close()


class _Reader:
    def __init__(
        self,
        boundary: bytes,
        uploads: Uploads,
        new_file: Callable[[], Path],
        most: int,
        most_files: int,
    ) -> None:
        self._uploads, self._new_file = uploads, new_file
        self._most, self._most_files = most, most_files
        self._digest = hashlib.sha256()
        self._headers: dict[str, bytes] = {}
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._header_bytes = self._count = 0
        self._file: BinaryIO | None = None
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_part_end": self.close,
                "on_end": self._end,
            },
        )

    def write(self, chunk: bytes) -> None:
        self._parser.write(chunk)

    def finish(self) -> None:
        self._parser.finalize()
        if not self._ended:
            raise bad_request("the multipart body ends too early; send it again")
        self._uploads.digest = self._digest.hexdigest()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._headers, self._header_bytes, self._count = {}, 0, 0

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._take_header(0, data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._take_header(1, data[start:end])

    def _take_header(self, place: int, data: bytes) -> None:
        self._header_bytes += len(data)
        if self._header_bytes > MOST_HEADER_BYTES:
            raise bad_request("the headers of a part are too long")
        self._header[place].extend(data)

    def _header_end(self) -> None:
        name, value = map(bytes, self._header)
        self._headers[name.decode("latin-1").lower()] = value
        self._header = (bytearray(), bytearray())

    def _open(self) -> None:
        """Begin a part: a new file for a photo."""
        kind, options = parse_options_header(self._headers.get("content-disposition", b""))
        part = options.get(b"name", b"") if kind == b"form-data" else b""
        name = options.get(b"filename", b"")
        self._digest.update(b"\0".join([b"", str(len(part)).encode(), part, name, b""]))
        if part == ALBUM.encode() and self._uploads.album is None:
            self._uploads.album = b""
        elif part == PHOTOS.encode() and b"filename" in options:
            self._open_photo(name)
        else:
            raise invalid(f"a part must be a file {PHOTOS!r}, or once {ALBUM!r}")

    def _open_photo(self, name: bytes) -> None:
        uploads = self._uploads
        if len(uploads.files) >= self._most_files:
            raise invalid(f"at most {self._most_files} photos")
        path = self._new_file()
        uploads.files.append(path)
        uploads.names.append(_name_of(name) or f"photo-{len(uploads.files)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        self._file = os.fdopen(os.open(path, flags, 0o600), "wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._count += end - start
        self._digest.update(data[start:end])
        if self._file is not None:
            if self._count > self._most:
                raise too_large(self._most, "a photo")
            self._file.write(data[start:end])
        else:
            if self._count > MOST_JSON_BYTES:
                raise too_large(MOST_JSON_BYTES, f"the part {ALBUM!r}")
            self._uploads.album = (self._uploads.album or b"") + data[start:end]

    def _end(self) -> None:
        self._ended = True


def _name_of(name: bytes) -> str:
    """The name of a file without folders; empty where none of it can be shown on a line."""
    text = name.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    shown = "".join(filter(is_shown, text)).strip()[:LONGEST_ID]
    return shown if shown.strip(JOINERS) else ""
