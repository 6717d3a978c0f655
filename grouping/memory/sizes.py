"""Sizes as people write them: ``8G``, ``500M``, ``1.5GiB``."""

from __future__ import annotations

import re

from grouping.errors import ConfigError

SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?)\s*([KMGT]?)(?:I?B)?", re.ASCII | re.IGNORECASE)
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def parse_size(text: str) -> int:
    """Return the bytes of a size: a number, and K, M, G or T for 1024 and its powers.

    Raises:
        ConfigError: it is no size.
    """
    found = SIZE.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{text!r} is no size; write 8G or 500M")
    return int(float(found[1]) * UNITS[found[2].upper()])


def size_text(size: float) -> str:
    """Return a size as :func:`parse_size` takes it, rounded up: whole M, from 10 G on whole G."""
    unit, name = (UNITS["G"], "G") if size >= 10 * UNITS["G"] else (UNITS["M"], "M")
    return f"{-int(-size // unit)}{name}"
