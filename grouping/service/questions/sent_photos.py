"""Photos of one request in memory: from multipart/form-data or from base64 in JSON.

Starlette's own form parser writes files above a megabyte to the disk. Selfies must never lie there,
so that a body is parsed here, from memory to memory.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic_core import from_json
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from grouping.service.web.refusals import (
    RefusedRequestError,
    bad_request,
    invalid,
    too_large,
)

MOST_PARTS = 16
MOST_HEADER_BYTES = 8 * 1024  # of all parts together
JSON, MULTIPART = "application/json", "multipart/form-data"


@dataclass
class _Part:
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)

    @property
    def name(self) -> str:
        """What the form calls it; empty where it does not say."""
        disposition = [v for n, v in self.headers if n.lower() == b"content-disposition"]
        kind, options = parse_options_header(disposition[0] if disposition else b"")
        return options.get(b"name", b"").decode("utf-8", "replace") if kind == b"form-data" else ""


async def photos_of(
    request: Request, names: Mapping[str, int], most: int
) -> dict[str, list[bytes]]:
    """Return the photos of a request by name, at least one of each.

    Args:
        request: multipart/form-data with a part a photo; or JSON with base64 under its name, or a
            list of it where there may be several. What bounds the body as a whole bounds this.
        names: of the photos, and how many of each there may be.
        most: bytes of one photo.

    Raises:
        RefusedRequestError: 400: the body is damaged; 413: a photo is too large; 415: another kind
            of body; 422: a photo is missing, or there is something else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in (MULTIPART, JSON):
        raise RefusedRequestError(
            415, "unsupported_media_type", f"send photos as {MULTIPART} or {JSON} with base64"
        )
    try:
        if kind == MULTIPART:
            found = await _parts_of(request, names, most)
        else:
            found = await run_in_threadpool(_from_json, await request.body(), names, most)
    except ClientDisconnect:
        raise bad_request("the connection ended before the body") from None
    for name, photos in found.items():
        if not photos or not all(photos):
            raise invalid(f"{name!r} is missing or empty")
        if len(photos) > names[name]:
            raise invalid(f"{name!r} may be sent {names[name]} times at most")
    return found


def _from_json(body: bytes, names: Mapping[str, int], most: int) -> dict[str, list[bytes]]:
    try:
        values = from_json(body, allow_inf_nan=False, cache_strings=False)
    except ValueError:
        raise bad_request("the body is not JSON; send it again") from None
    if not isinstance(values, dict) or not set(values) <= set(names):
        raise invalid(f"the body must be an object; its keys are {', '.join(names)}")
    found: dict[str, list[bytes]] = {}
    for name, count in names.items():
        value = values.pop(name, [])
        texts = value if isinstance(value, list) and count > 1 else [value] if value else []
        if not all(isinstance(text, str) for text in texts):
            raise invalid(f"{name!r} must be a photo as base64" + " or a list" * (count > 1))
        found[name] = [_photo(name, text, most) for text in texts[: count + 1]]
    return found


def _photo(name: str, text: str, most: int) -> bytes:
    if len(text) > 4 * (most // 3 + 2):
        raise too_large(most, "a photo")
    try:
        data = base64.b64decode(text.encode(), validate=True)
    except ValueError:
        raise invalid(f"{name!r} is not base64") from None
    if len(data) > most:
        raise too_large(most, "a photo")
    return data


async def _parts_of(
    request: Request, names: Mapping[str, int], most: int
) -> dict[str, list[bytes]]:
    """Return the parts of a multipart body by name."""
    reader = _Reader(_boundary(request), most)
    try:
        async for chunk in request.stream():
            reader.write(chunk)
        parts = reader.finish()
    except FormParserError:
        raise bad_request("the multipart body is damaged; send it again") from None
    found: dict[str, list[bytes]] = {name: [] for name in names}
    for part in parts:
        if part.name not in names:
            raise invalid(f"unknown part; known are {', '.join(names)}")
        found[part.name].append(bytes(part.data))
        part.data.clear()
    return found


def _boundary(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 70:  # RFC 2046
        raise bad_request("multipart/form-data needs a boundary of 1 to 70 characters")
    return boundary


class _Reader:
    """Gathers the parts as the parser finds them."""

    def __init__(self, boundary: bytes, most: int) -> None:
        self._most = most
        self._parts: list[_Part] = []
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._header_bytes = 0
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._data,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_end": self._end,
            },
        )

    def write(self, chunk: bytes) -> None:
        self._parser.write(chunk)

    def finish(self) -> list[_Part]:
        self._parser.finalize()
        if not self._ended:
            raise bad_request("the multipart body ends too early; send it again")
        return self._parts

    def _begin(self) -> None:
        self._parts.append(_Part())
        if len(self._parts) > MOST_PARTS:
            raise invalid(f"at most {MOST_PARTS} parts")

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = self._parts[-1].data
        if len(part) + end - start > self._most:
            raise too_large(self._most, "a photo")
        part += data[start:end]

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header[0].extend(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header[1].extend(data[start:end])

    def _header_end(self) -> None:
        name, value = map(bytes, self._header)
        self._parts[-1].headers.append((name, value))
        self._header = (bytearray(), bytearray())

    def _count_header(self, count: int) -> None:
        self._header_bytes += count
        if self._header_bytes > MOST_HEADER_BYTES:
            raise bad_request("the headers of the parts are too long")

    def _end(self) -> None:
        self._ended = True
