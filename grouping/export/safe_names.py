"""Names of people and photos as names of files, safe on every system."""

from __future__ import annotations

import re
import unicodedata

from grouping.results.album import one_line

MAX_BYTES = 120
# What Windows forbids in a name, or takes for a device.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def safe_name(text: str) -> str:
    """``text`` as one path component: no separator, no hidden file, no device, not too long.

    Letters of every script are kept. What cannot be kept becomes ``_``; the suffix survives
    when a long name is cut. Never empty.
    """
    plain = text.encode("utf-8", "replace").decode()
    plain = _FORBIDDEN.sub("_", one_line(unicodedata.normalize("NFC", plain)))
    plain = plain.strip(". ") if plain.strip(". ") else "_"
    if plain.startswith(("-", "~")) or _DEVICES.match(plain):
        plain = "_" + plain
    return _cut(plain)


def distinct_name(name: str, taken: set[str]) -> str:
    """``name``, or ``name (2)`` where it is taken but for upper and lower case; remembered."""
    stem, dot, suffix = name.rpartition(".")
    stem, suffix = (stem, dot + suffix) if stem else (name, "")
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{stem} ({number}){suffix}"
    taken.add(candidate.casefold())
    return candidate


def _cut(name: str) -> str:
    """At most ``MAX_BYTES`` of UTF-8, whole characters, the suffix kept."""
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > 10:
        stem, dot, suffix = name, "", ""
    room = MAX_BYTES - len((dot + suffix).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ") + dot + suffix
