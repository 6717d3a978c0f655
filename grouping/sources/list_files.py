"""Lists of photos in files: ``.txt``, ``.csv``, ``.json`` and ``.jsonl``.

=========  ==================================================================
``.txt``   one address or path a line; blank lines and ``#`` comments do not count
``.csv``   a header with ``url`` and, if wanted, ``id``; other columns do not count
``.json``  an array of ``{"id": ..., "url": ...}`` or of strings
``.jsonl`` one such value a line
=========  ==================================================================

All are UTF-8. An ``id`` that is not given is the address as shown.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from grouping.errors import FetchError, SourceError
from grouping.storage.locations import printable, shown_url
from grouping.storage.regular_files import open_regular_file

MAX_LIST_BYTES = 512 * 2**20  # some millions of addresses


class Listed(NamedTuple):
    """One line of a list."""

    id: Any
    url: str


def is_list_file(path: Path) -> bool:
    """Whether a file of this name is a list of photos rather than a photo."""
    return path.suffix.lower() in READERS


def read_list(path: Path) -> Iterator[Listed]:
    """The photos that a list names, read as they are asked for (a ``.json`` all at once).

    Raises:
        SourceError: the file cannot be read or is not such a list; the message names the line.
    """
    try:
        with TextIOWrapper(open_regular_file(path), "utf-8-sig", newline="") as file:
            if os.fstat(file.fileno()).st_size > MAX_LIST_BYTES:
                raise ValueError(f"it is larger than {MAX_LIST_BYTES // 2**20} MB; split it")
            for number, value in READERS[path.suffix.lower()](file):
                yield _listed(value, path, number)
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"the list {printable(path)} cannot be read: {_reason(error)}") from error


Numbered = Iterable[tuple[int, Any]]


def _read_txt(file: TextIO) -> Numbered:
    for number, line in enumerate(file, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, text


def _read_csv(file: TextIO) -> Numbered:
    rows = csv.DictReader(file)
    if "url" not in (rows.fieldnames or ()):
        raise ValueError("its first line must name the columns, 'url' among them")
    for row in rows:
        yield rows.line_num, {key: row[key] for key in ("id", "url") if row.get(key)}


def _read_json(file: TextIO) -> Numbered:
    values = json.load(file, parse_constant=_refuse, parse_float=_finite)
    if not isinstance(values, list):
        raise ValueError(f"it must hold an array, not a {type(values).__name__}")
    return enumerate(values, 1)


def _read_jsonl(file: TextIO) -> Numbered:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                yield number, json.loads(line, parse_constant=_refuse, parse_float=_finite)
            except ValueError as error:
                raise ValueError(f"line {number} is not JSON") from error


def _refuse(word: str) -> None:
    """Raise ValueError: JSON knows neither NaN nor Infinity."""
    raise ValueError(f"it holds {word:.20}, which JSON does not know")


def _finite(text: str) -> float:
    """Return a number; 1e999 is one of JSON and infinite here, which could not be written again.

    Raises:
        ValueError: it is too large.
    """
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"it holds {text:.20}, which is too large a number")
    return number


READERS: dict[str, Callable[[TextIO], Numbered]] = {
    ".txt": _read_txt,
    ".csv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
}


def _listed(value: Any, path: Path, number: int) -> Listed:
    if isinstance(value, str):
        value = {"url": value}
    url = value.get("url") if isinstance(value, dict) else None
    if not isinstance(url, str) or not url:
        raise SourceError(
            f"entry {number} of the list {printable(path)} must be an address or hold a 'url'"
        )
    given = value.get("id")
    return Listed(shown_url(url) if given is None else given, url)


def _reason(error: Exception) -> str:
    if isinstance(error, FetchError):
        return "it is a pipe, a device or a folder; save the list as a file"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8; save it as UTF-8"
    return str(getattr(error, "strerror", None) or error)
