"""Pairs of faces side by side, with a verdict and numbers: the picture of ``verify``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from grouping.records import UInt8
from grouping.report.style import FAINT, INK
from grouping.report.text import draw_text, fit_text
from grouping.results.album import one_line

# Blue and orange are told apart by colour-blind eyes; the word stands beside them.
COLOURS = {"same": "#1B6CA8", "different": "#B5531C", "unsure": FAINT}
LOOSE, ALIGNED, GAP, MARGIN = 224, 112, 14, 28  # px
MIDDLE = 150  # px between the two faces, for the numbers
WIDTH = 2 * (MARGIN + LOOSE + GAP + ALIGNED) + MIDDLE
TITLE, TEXT, CAPTION, LINE = 40, 16, 13, 24  # px
PAPER = "#FFFFFF"


@dataclass(frozen=True, eq=False)
class PairRow:
    """Two faces.

    Attributes:
        crops: loose and aligned crop of the first, aligned and loose crop of the second, each
            (h, w, 3) uint8 RGB.
        captions: below the first and below the second.
        similarity, verdict: between them.
    """

    crops: tuple[UInt8, UInt8, UInt8, UInt8]
    captions: tuple[str, str]
    similarity: str
    verdict: str


def draw_pairs(verdict: str, lines: Sequence[str], rows: Sequence[PairRow]) -> Image.Image:
    """Draw a verdict, what is said of it, and the pairs of faces it comes from, one a row."""
    head = MARGIN + TITLE + LINE * len(lines) + GAP
    step = LOOSE + LINE + GAP
    image = Image.new("RGB", (WIDTH, head + step * len(rows) + MARGIN), PAPER)
    draw_text(image, (MARGIN, MARGIN + 30), verdict, TITLE, COLOURS[verdict], bold=True)
    for number, line in enumerate(lines):
        place = (MARGIN, MARGIN + TITLE + LINE * (number + 0.8))
        draw_text(image, place, fit_text(one_line(line), TEXT, WIDTH - 2 * MARGIN), TEXT, INK)
    for number, row in enumerate(rows):
        _draw_row(image, row, head + step * number)
    return image


def _draw_row(image: Image.Image, row: PairRow, top: int) -> None:
    side = LOOSE + GAP + ALIGNED
    right = WIDTH - MARGIN - side
    middle = top + (LOOSE - ALIGNED) // 2
    places = (
        ((MARGIN, top), LOOSE),
        ((MARGIN + LOOSE + GAP, middle), ALIGNED),
        ((right, middle), ALIGNED),
        ((right + ALIGNED + GAP, top), LOOSE),
    )
    for crop, (place, length) in zip(row.crops, places, strict=True):
        image.paste(Image.fromarray(crop).resize((length, length), Image.Resampling.LANCZOS), place)
    centre, height = WIDTH / 2, top + LOOSE / 2
    draw_text(image, (centre, height), row.similarity, 34, INK, bold=True, centred=True)
    colour = COLOURS[row.verdict]
    draw_text(image, (centre, height + 30), row.verdict, TEXT + 4, colour, centred=True)
    for caption, left in zip(row.captions, (MARGIN, right), strict=True):
        place = (left, top + LOOSE + 18)
        draw_text(image, place, fit_text(one_line(caption), CAPTION, side), CAPTION, FAINT)
