"""The map of faces as a picture, the faces themselves its points, none hidden by another."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from grouping.records import Float64
from grouping.report.plots.label_placement import snap_to_grid
from grouping.report.plots.plot_data import fair_sample
from grouping.report.style import FAINT, INK, colour_of, count
from grouping.report.text import draw_text
from grouping.results.album import Album, Face
from grouping.results.schema import NO_GROUP, Document, TsneEntry

# Free cells let groups stand apart; pictures stay below about 20 megapixels.
CELLS_PER_FACE = 2.6
ASPECT = 1.6
TILES = ((300, 72), (1200, 56), (2500, 44))
SMALLEST_TILE = 36
MOST_TILES = 5000  # of more faces, a fair sample is shown
SMALLEST_WIDTH = 960
HEADER, MARGIN, RIM, GAP = 110, 32, 4, 1


def faces_picture(document: Document, crop: Callable[[Face], Image.Image]) -> Image.Image:
    """The faces where t-SNE puts them, moved apart to a grid, framed in their person's colour.

    The representative face of each person carries the person's number. Faces without a
    group have a grey frame.

    Args:
        document: of a run, with its ``plots``.
        crop: gives the RGB picture of a face.

    Returns:
        An RGB picture whose size grows with the number of faces.
    """
    album = Album(document)
    tsne = document["plots"]["tsne"]
    people = np.array([album.faces[idx].group for idx in tsne["face_idx"]], np.int64)
    shown = fair_sample(people, MOST_TILES, document["plots"]["seed"])
    faces = [album.faces[tsne["face_idx"][row]] for row in shown]
    tile = next((side for most, side in TILES if len(faces) <= most), SMALLEST_TILE)
    rows = max(2, math.ceil(math.sqrt(CELLS_PER_FACE * len(faces) / ASPECT)))
    columns = math.ceil(ASPECT * rows)
    width = max(SMALLEST_WIDTH, 2 * MARGIN + columns * tile)
    page = Image.new("RGB", (width, HEADER + MARGIN + rows * tile), "#FFFFFF")
    _draw_title(page, album, len(faces))
    cells = snap_to_grid(_unit_square(tsne)[shown], columns, rows)
    left = (width - columns * tile) // 2
    for face, (column, row) in zip(faces, cells.tolist(), strict=True):
        framed = _framed(crop(face), tile - GAP, colour_of(face.group))
        page.paste(framed, (left + column * tile, HEADER + row * tile))
    for face, (column, row) in zip(faces, cells.tolist(), strict=True):
        if face.group != NO_GROUP and _is_representative(album, face):
            _draw_number(page, (left + column * tile, HEADER + (row + 1) * tile - GAP), face.group)
    return page


def _unit_square(tsne: TsneEntry) -> Float64:
    """Return (n, 2) float64 places in [0, 1], y down as in pictures."""
    points = np.array([tsne["x"], tsne["y"]], np.float64).T.reshape(-1, 2)
    if not len(points):
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    unit: Float64 = (points - low) / np.maximum(high - low, 1e-9)
    # A single line of faces belongs in the middle, not on the edge.
    unit[:, high - low < 1e-9] = 0.5
    unit[:, 1] = 1 - unit[:, 1]
    return unit


def _draw_title(page: Image.Image, album: Album, drawn: int) -> None:
    people = count(len(album.groups), "person", "people")
    draw_text(page, (MARGIN, 52), f"The faces of {people}", 30, INK, bold=True)
    total = len(album.faces)
    which = count(total, "face") if drawn == total else f"{drawn:,} of {total:,} faces, sampled"
    text = f"{which} · alike faces lie together · frame: person, grey: no group"
    draw_text(page, (MARGIN, 82), text, 16, FAINT)


def _framed(picture: Image.Image, side: int, colour: str) -> Image.Image:
    framed = Image.new("RGB", (side, side), colour)
    inner = (side - 2 * RIM, side - 2 * RIM)
    framed.paste(picture.resize(inner, Image.Resampling.LANCZOS, reducing_gap=2.0), (RIM, RIM))
    return framed


def _is_representative(album: Album, face: Face) -> bool:
    return bool(album.groups[face.group]["representative_face_idx"] == face.idx)


def _draw_number(page: Image.Image, corner: tuple[int, int], group_idx: int) -> None:
    x, y = corner
    text = str(group_idx)
    size = (10 + 8 * len(text), 18)
    box = (x, y - size[1], x + size[0], y)
    draw = ImageDraw.Draw(page)
    draw.rectangle(box, fill="#FFFFFF", outline=colour_of(group_idx), width=2)
    draw_text(page, (x + size[0] / 2, y - 4), text, 13, INK, bold=True, centred=True)
