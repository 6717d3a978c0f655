"""The map of faces as a figure: t-SNE of the embeddings.

Drawn from ``document["plots"]`` (see :mod:`grouping.report.plots.plot_data`) with matplotlib's
Figure object alone; pyplot and its global state are not touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from grouping.records import Float64, Int64, UInt8
from grouping.report.plots.label_placement import place_labels
from grouping.report.style import FAINT, INK, colour_of, count, headline, marker_of, model_line
from grouping.report.text import fit_text, font_families
from grouping.results.album import Album, Face, person_number
from grouping.results.schema import NO_GROUP, Document

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

Portrait = Callable[[Face], "Image.Image"]

DPI = 120
TSNE_INCHES = (16.0, 10.0)
LEGEND_ROWS = 36
MOST_PORTRAITS = 120
MOST_NUMBERED = 300  # people: the numbers of more would hide the faces
CROWDED = 60
NUMBER_SIDE = 14


def tsne_figure(document: Document, portrait: Portrait | None = None) -> Figure:
    """t-SNE of the embeddings: a colour, a shape and a number a person, strangers grey.

    Args:
        document: of a run, with its ``plots``.
        portrait: gives the RGB picture of a face; with it the representative face of each
            of the largest groups is drawn beside its points.

    Returns:
        A matplotlib figure of 1920 x 1200 pixels.
    """
    album = Album(document)
    figure, axes = _canvas(TSNE_INCHES, (0.015, 0.02, 0.745, 0.875))
    headline(figure, *_tsne_title(album))
    axes.set(xticks=[], yticks=[])
    tsne = document["plots"]["tsne"]
    points = np.array([tsne["x"], tsne["y"]], np.float64).T
    people = np.array([album.faces[idx].group for idx in tsne["face_idx"]], np.int64)
    if not len(points):
        axes.text(0.5, 0.5, "No faces", ha="center", va="center", size=20, color=FAINT)
        return figure
    _frame(axes, points)
    _scatter(axes, points, people)
    _label_people(axes, album, points, people, portrait)
    _legend(figure, album)
    return figure


def _canvas(
    inches: tuple[float, float], place: tuple[float, float, float, float]
) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, dpi=DPI, facecolor="white")
    axes = figure.add_axes(place)
    for spine in axes.spines.values():
        spine.set_color("#E3E3E8")
    return figure, axes


def _tsne_title(album: Album) -> tuple[str, str]:
    plots = album.document["plots"]
    total, drawn = plots["faces_total"], len(plots["tsne"]["face_idx"])
    people, photos = len(album.groups), len(album.images)
    title = f"{count(people, 'person', 'people')} in {count(photos, 'photo')}"
    faces = count(total, "face") if drawn == total else f"{drawn:,} of {total:,} faces, sampled"
    detail = f"t-SNE of {faces}, perplexity {plots['tsne']['perplexity']:g}"
    if people > MOST_NUMBERED:
        detail += f"    ·    the first {MOST_NUMBERED} people numbered"
    return title, f"{detail}    ·    {model_line(album.document)}"


def _frame(axes: Axes, points: Float64) -> None:
    """Leave a margin around (n, 2) points of the map."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.06 * np.maximum(high - low, 1.0)
    axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
    axes.set_ylim(low[1] - margin[1], high[1] + margin[1])


def _scatter(axes: Axes, points: Float64, people: Int64) -> None:
    """Draw (n, 2) points of the map, each as its person of ``people``, (n,)."""
    area = float(np.clip(24000 / len(points), 14, 110))
    for group_idx in np.unique(people):
        mine = points[people == group_idx]
        stranger = group_idx == NO_GROUP
        axes.scatter(
            mine[:, 0],
            mine[:, 1],
            s=area * (0.6 if stranger else 1.0),
            c=colour_of(group_idx),
            marker=marker_of(group_idx),
            linewidths=0.4,
            edgecolors="white",
            zorder=1 if stranger else 2,
        )


def _label_people(
    axes: Axes,
    album: Album,
    points: Float64,
    people: Int64,
    portrait: Portrait | None,
) -> None:
    """Put the number of each person beside their points, with a face where there is room.

    Args:
        axes: of the map.
        album: whose faces the points are.
        points: (n, 2), places in the map.
        people: (n,), the person of each, -1 for none.
        portrait: gives the RGB picture of a face.
    """
    shown = [g for g in np.unique(people).tolist() if g != NO_GROUP][:MOST_NUMBERED]
    if not shown:
        return
    to_pixels, from_pixels = axes.transData, axes.transData.inverted()
    pixels = to_pixels.transform(points)
    centres = np.array([np.median(pixels[people == g], axis=0) for g in shown])
    side = _portrait_side(len(shown)) if portrait else 0
    sizes = [side if side and i < MOST_PORTRAITS else NUMBER_SIDE for i in range(len(shown))]
    places = place_labels(centres, sizes, pixels, np.array(axes.bbox.extents))
    for g, size, place, centre in zip(shown, sizes, places, centres, strict=True):
        colour = colour_of(g)
        if size == side and portrait:
            line = from_pixels.transform([place, centre])
            axes.plot(line[:, 0], line[:, 1], color=colour, linewidth=1, alpha=0.7, zorder=3)
            face = album.faces[album.groups[g]["representative_face_idx"]]
            _draw_portrait(axes, portrait(face), line[0], size, colour)
            place = place + np.array([0.36, -0.36]) * size
        _badge(axes, from_pixels.transform(place), g, crowded=len(shown) > CROWDED)


def _portrait_side(people: int) -> int:
    """Diameter in pixels: the more people, the smaller."""
    return int(np.clip(420 / np.sqrt(people), 34, 120))


def _badge(axes: Axes, at: Float64, group_idx: int, *, crowded: bool) -> None:
    """Write a person's number at a place of the map, (2,)."""
    edge = colour_of(group_idx)
    box = {"boxstyle": f"round,pad={0.15 if crowded else 0.25}", "fc": "white", "ec": edge}
    size = 5.5 if crowded else 8.5
    x, y = at
    axes.text(
        x, y, str(group_idx), size=size, color=INK, ha="center", va="center", bbox=box, zorder=6
    )


def _draw_portrait(axes: Axes, picture: Image.Image, at: Float64, size: int, colour: str) -> None:
    """Draw a face as a disc of ``size`` pixels at a place of the map, (2,)."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    image = OffsetImage(_disc(picture, 2 * size, colour), zoom=36 / DPI, resample=True)
    axes.add_artist(AnnotationBbox(image, (at[0], at[1]), frameon=False, pad=0, zorder=5))


def _disc(picture: Image.Image, side: int, colour: str) -> UInt8:
    """(side, side, 4) uint8 RGBA: the picture cut to a disc with a coloured rim."""
    from PIL import Image, ImageDraw

    disc = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    mask = Image.new("L", (side, side), 0)
    rim = max(3, side // 22)
    ImageDraw.Draw(disc).ellipse((0, 0, side - 1, side - 1), fill=colour)
    ImageDraw.Draw(mask).ellipse((rim, rim, side - 1 - rim, side - 1 - rim), fill=255)
    disc.paste(picture.resize((side, side), Image.Resampling.LANCZOS), (0, 0), mask)
    return np.asarray(disc)


def _legend(figure: Figure, album: Album) -> None:
    from matplotlib.lines import Line2D

    rows = [(g, _legend_text(album, g)) for g in range(min(len(album.groups), LEGEND_ROWS))]
    strangers = len(album.strangers())
    if strangers:
        rows.append((NO_GROUP, f"no group ({strangers:,})"))
    handles = [
        Line2D([], [], ls="", ms=8, c=colour_of(g), marker=marker_of(g), label=text)
        for g, text in rows
    ]
    more = len(album.groups) - LEGEND_ROWS
    if more > 0:
        handles.append(Line2D([], [], ls="", label=f"and {more:,} more, by number"))
    legend = figure.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.768, 0.9),
        frameon=False,
        prop={"family": font_families("".join(text for _, text in rows)), "size": 9.5},
        labelcolor=INK,
        labelspacing=0.62,
        handletextpad=0.3,
        borderaxespad=0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _legend_text(album: Album, group_idx: int) -> str:
    group = album.groups[group_idx]
    name = fit_text(album.person(group_idx), 16, 210)
    number = f"{person_number(group_idx)}  {name}" if group.get("name") else name
    faces = count(len(group["face2_idx_list"]), "face")
    return f"{number} ({faces})"
