"""Text in pictures: names in any script, measured and cut to a width.

DejaVu Sans, which comes with matplotlib, draws Latin, Greek and Cyrillic. For what it lacks
(Korean, emoji) the fonts of the system are searched, and only then. A character that no
font has is drawn as DejaVu's empty box.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

_BUNDLED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
_REGULAR = _BUNDLED / "DejaVuSans.ttf"
_BOLD = _BUNDLED / "DejaVuSans-Bold.ttf"
# Invisible on their own: they join or vary their neighbours.
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")


def text_width(text: str, size: int, bold: bool = False) -> int:
    """Width of ``text`` in pixels at a font size of ``size`` pixels."""
    return round(sum(font.getlength(run) for run, font in _runs(text, size, bold)))


def fit_text(text: str, size: int, width: int, bold: bool = False) -> str:
    """``text``, its middle replaced by an ellipsis where it is wider than ``width`` pixels."""
    if text_width(text, size, bold) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        keep = (low + high + 1) // 2
        if text_width(_shortened(text, keep), size, bold) <= width:
            low = keep
        else:
            high = keep - 1
    return _shortened(text, low)


def draw_text(
    image: Image.Image,
    xy: tuple[float, float],
    text: str,
    size: int,
    fill: str,
    *,
    bold: bool = False,
    centred: bool = False,
) -> None:
    """Draw one line of text; ``xy`` is the left (or, ``centred``, the middle) of its baseline."""
    draw = ImageDraw.Draw(image)
    x, y = xy
    if centred:
        x -= text_width(text, size, bold) / 2
    for run, font in _runs(text, size, bold):
        draw.text((x, y), run, fill=fill, font=font, anchor="ls")
        x += font.getlength(run)


def font_families(text: str) -> list[str]:
    """Families for matplotlib that together draw ``text``, in the order to try them."""
    files = dict.fromkeys(_file_for(character, False) for character in text)
    return list(dict.fromkeys(["DejaVu Sans", *(FT2Font(str(f)).family_name for f in files)]))


def _shortened(text: str, keep: int) -> str:
    head = (keep + 1) // 2
    return text[:head] + "…" + text[len(text) - (keep - head) :]


def _runs(text: str, size: int, bold: bool) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """Split into pieces that one font can draw."""
    drawn = (c for c in text if c not in _JOINERS)
    pieces = groupby(drawn, key=lambda character: _file_for(character, bold))
    return [("".join(piece), _font(file, size)) for file, piece in pieces]


@lru_cache(maxsize=64)
def _font(file: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(file), size)


@lru_cache(maxsize=4096)
def _file_for(character: str, bold: bool) -> Path:
    bundled = _BOLD if bold else _REGULAR
    if _has(bundled, character):
        return bundled
    return next((file for file in _system_fonts() if _has(file, character)), bundled)


def _has(file: Path, character: str) -> bool:
    return ord(character) in _characters(file)


@lru_cache(maxsize=256)
def _characters(file: Path) -> frozenset[int]:
    return frozenset(FT2Font(str(file)).get_charmap())


@lru_cache(maxsize=1)
def _system_fonts() -> list[Path]:
    """Scalable fonts of the system, plain sans-serif faces first."""
    found = []
    for name in sorted(font_manager.findSystemFonts()):
        try:
            scalable = FT2Font(name).scalable
        except (OSError, RuntimeError):  # a damaged file or a kind that FreeType lacks
            continue
        if scalable:
            found.append(Path(name))
    return sorted(found, key=_preference)


def _preference(file: Path) -> tuple[bool, bool, str]:
    name = file.name.lower()
    return ("sans" not in name, "regular" not in name, name)
