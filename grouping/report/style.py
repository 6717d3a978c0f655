"""What every picture of a result shares: colours, shapes, phrases, the head of a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grouping.results.album import one_line
from grouping.results.schema import NO_GROUP, Document

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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


def headline(figure: Figure, title: str, subtitle: str) -> None:
    """Title and subtitle at the top left of a figure, as high whatever its height."""
    from grouping.report.text import font_families

    height = figure.get_size_inches()[1]
    figure.text(0.02, 1 - 0.48 / height, title, size=19, weight="bold", color=INK)
    # File and model names are not formulas, whatever dollar signs they hold.
    subtitle_text = figure.text(0.02, 1 - 0.82 / height, subtitle, size=11, color=FAINT)
    subtitle_text.set_parse_math(False)
    subtitle_text.set_fontfamily(font_families(subtitle))


def model_line(document: Document) -> str:
    """Which network drew the faces apart, and at which threshold."""
    model = document["model"]
    names = one_line(f"{model['name']}, {model['file']}")
    return f"{names}    ·    threshold {document['plots']['threshold']:g}"
