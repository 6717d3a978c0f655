"""Colours, shapes and phrases that every picture of a result shares."""

from __future__ import annotations

from grouping.results.schema import NO_GROUP

# Paul Tol's "muted" scheme: distinct to colour-blind eyes (SRON/EPS/TN/09-002, 2021).
COLOURS = (
    "#332288",
    "#88CCEE",
    "#44AA99",
    "#CC6677",
    "#DDCC77",
    "#117733",
    "#882255",
    "#999933",
    "#AA4499",
)
GREY = "#BBBBBB"
# A second sign beside colour: after nine people the next shape, so 63 look different.
MARKERS = ("o", "s", "^", "D", "P", "X", "v")
INK = "#22222A"
FAINT = "#6B6B76"


def colour_of(group_idx: int) -> str:
    """The colour of a person, grey for a face without a group."""
    return GREY if group_idx == NO_GROUP else COLOURS[group_idx % len(COLOURS)]


def marker_of(group_idx: int) -> str:
    """The shape of a person's points in matplotlib's code, a disc for a face without a group."""
    return "o" if group_idx == NO_GROUP else MARKERS[group_idx // len(COLOURS) % len(MARKERS)]


def count(number: int, singular: str, plural: str | None = None) -> str:
    """``1 face``, ``1,234 faces``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
