"""Similarities as a figure: the histogram of pairs, and the matrix ordered by group."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

import numpy as np

from grouping.report.style import COLOURS, FAINT, INK, colour_of, count, headline, model_line
from grouping.results.schema import Document, MatrixEntry, PlotsEntry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120
FEW_PAIRS = 2000  # below, bins are twice as wide


def similarity_figure(document: Document) -> Figure:
    """Similarities within and between groups with the threshold, and the matrix by group.

    Args:
        document: of a run, with its ``plots``.

    Returns:
        A matplotlib figure of 1920 x 960 pixels.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 8), dpi=DPI, facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=(1.15, 1))
    figure.subplots_adjust(left=0.05, right=0.955, top=0.82, bottom=0.09, wspace=0.14)
    headline(figure, "How alike are the faces?", model_line(document))
    _draw_histogram(left, document["plots"])
    _draw_matrix(figure, right, document["plots"]["matrix"])
    return figure


def _draw_histogram(axes: Axes, plots: PlotsEntry) -> None:
    """Each kind of pair as shares of its own number: there are far more different pairs."""
    histogram, threshold = plots["histogram"], plots["threshold"]
    step = 2 if sum(histogram["same"]) < FEW_PAIRS else 1
    edges = np.array(histogram["edges"])[::step]
    for kind, pairs_of, colour in (
        ("different", histogram["different"], COLOURS[3]),
        ("same", histogram["same"], COLOURS[5]),
    ):
        counts = np.array(pairs_of, np.float64).reshape(-1, step).sum(axis=1)
        pairs = count(int(counts.sum()), "pair")
        label = f"{kind} group{'s' if kind == 'different' else ''}: {pairs}"
        share = 100 * counts / max(counts.sum(), 1)
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.55, label=label)
    axes.axvline(threshold, color=INK, linewidth=1.2, ls="--", label=f"threshold {threshold:g}")
    axes.set(xlabel="cosine similarity", ylabel="share of the pairs of its kind, %", xlim=(-0.4, 1))
    axes.set_ylim(0, 1.2 * axes.get_ylim()[1])  # room for the legend
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right")


def _draw_matrix(figure: Figure, axes: Axes, matrix: MatrixEntry) -> None:
    side = matrix["side"]
    axes.set(xticks=[], yticks=[], title="faces in the order of their groups, strangers last")
    if not side:
        axes.text(0.5, 0.5, "No faces", ha="center", va="center", color=FAINT)
        return
    values = np.frombuffer(b64decode(matrix["int8"]), np.int8).reshape(side, side) / 127
    shown = axes.imshow(values, cmap="cividis", vmin=-0.1, vmax=1, interpolation="nearest")
    colours = np.array([_rgb(g) for g in matrix["group_idx"]])
    strip = axes.inset_axes((-0.03, 0, 0.02, 1))
    strip.imshow(colours[:, None], aspect="auto", interpolation="nearest")
    strip.axis("off")
    figure.colorbar(shown, ax=axes, fraction=0.046, pad=0.02, label="cosine similarity")


def _rgb(group_idx: int) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour_of(group_idx))
