"""Headline and wording that the figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grouping.report.style import FAINT, INK
from grouping.report.text import font_families
from grouping.results.schema import Document

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def headline(figure: Figure, title: str, subtitle: str) -> None:
    """Title and subtitle at the top left of a figure, as high whatever its height."""
    height = figure.get_size_inches()[1]
    figure.text(0.02, 1 - 0.48 / height, title, size=19, weight="bold", color=INK)
    # File and model names are not formulas, whatever dollar signs they hold.
    subtitle_text = figure.text(0.02, 1 - 0.82 / height, subtitle, size=11, color=FAINT)
    subtitle_text.set_parse_math(False)
    subtitle_text.set_fontfamily(font_families(subtitle))


def model_line(document: Document) -> str:
    """Which network drew the faces apart, and at which threshold."""
    model = document["model"]
    return f"{model['name']}, {model['file']}    ·    threshold {document['plots']['threshold']:g}"
