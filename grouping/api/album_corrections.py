"""Corrections added to an album, checked with those that are there: :func:`add_corrections`."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from grouping.api.album_folder import corrections_in
from grouping.corrections.toml_file import load_all_corrections, parse_corrections
from grouping.errors import CorrectionsError, OutputError
from grouping.storage.atomic_files import make_folder, write_bytes, write_error

MOST_FILES = 1000
_NUMBER = re.compile(r" \((\d{1,9})\)$")


def add_corrections(folder: Path, text: str) -> None:
    """Keep corrections in a folder of results, after those that are there; the next run has them.

    Args:
        folder: of the results.
        text: as the gallery page writes it, see :mod:`grouping.corrections.toml_file`.

    Raises:
        CorrectionsError: they are broken, or contradict themselves or those that are there; then
            nothing is kept.
        OutputError: they cannot be written.
    """
    parse_corrections(text)  # whose message names lines, and no file
    known = corrections_in(folder)
    if len(known) >= MOST_FILES:
        raise CorrectionsError(f"the album was corrected {MOST_FILES} times; begin a new one")
    aside = make_folder(folder) / f".corrections-{secrets.token_hex(8)}.toml"
    try:
        write_bytes(aside, text.encode("utf-8", "strict"))
        load_all_corrections([*known, aside])
        place = _linked(folder, aside, known)
    except CorrectionsError as error:
        raise CorrectionsError(str(error).replace(aside.name, "these corrections")) from None
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise write_error(aside, error) from error
    finally:
        aside.unlink(missing_ok=True)
    _check_together(folder, place)


def _linked(folder: Path, aside: Path, known: Sequence[Path]) -> Path:
    """Give the file its name: the next number, whoever takes one at the same time."""
    number = max((_number(path) for path in known), default=0) + 1
    while True:
        place = folder / f"corrections ({number}).toml"
        with suppress(FileExistsError):
            os.link(aside, place)
            return place
        number += 1


def _number(path: Path) -> int:
    found = _NUMBER.search(path.stem)
    return int(found[1]) if found else 0


def _check_together(folder: Path, place: Path) -> None:
    """See to it that what came in at the same moment goes together; else take ours back."""
    try:
        load_all_corrections(corrections_in(folder))
    except CorrectionsError:
        place.unlink(missing_ok=True)
        raise
