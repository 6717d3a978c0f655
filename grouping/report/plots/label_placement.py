"""Places for labels beside crowded points, and for pictures on a grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from grouping.records import Float64

_DIRECTIONS = 12
_RINGS = (0.75, 1.15, 1.7, 2.5, 3.6, 5.0)
# Costs in "points covered": lying on another label is worst, a long way the mildest.
_OVERLAP_COST = 60.0
_OUTSIDE_COST = 400.0
_DISTANCE_COST = 0.5


def place_labels(
    centres: Float64,
    sizes: Sequence[float],
    points: Float64,
    frame: Float64,
) -> Float64:
    """A place for each label near its centre, off the points and off earlier labels.

    Greedy, in the given order: of the places on a few rings around the centre the one that
    covers the fewest points and labels, then the nearest, is taken.

    Args:
        centres: (k, 2) float64, pixels.
        sizes: k diameters in pixels.
        points: (n, 2) float64, pixels of what should stay visible.
        frame: (4,) float64, x1, y1, x2, y2 that labels should stay inside of.

    Returns:
        (k, 2) float64, pixels, the middles of the labels.
    """
    placed = np.zeros((len(centres), 2))
    radii = np.asarray(sizes, np.float64) / 2
    for i, (centre, radius) in enumerate(zip(centres, radii, strict=True)):
        candidates = centre + _offsets() * 2 * radius
        reach = 2 * radius * _RINGS[-1] + radius  # nothing beyond it is covered
        near = points[_within(points, centre, reach)]
        cost = (_distances(candidates, near) < radius).sum(axis=1).astype(np.float64)
        beside = _within(placed[:i], centre, reach + radii.max())
        gaps = _distances(candidates, placed[:i][beside]) - radius - radii[:i][beside]
        cost += _OVERLAP_COST * np.clip(-gaps / radius, 0, None).sum(axis=1)
        cost += _OUTSIDE_COST * _outside(candidates, radius, frame)
        cost += _DISTANCE_COST * np.linalg.norm(_offsets(), axis=1)
        placed[i] = candidates[cost.argmin()]
    return placed


def snap_to_grid(points: Float64, columns: int, rows: int) -> npt.NDArray[np.int64]:
    """A grid cell of its own for each point, near where the point is.

    Points are taken from the middle outwards; each gets the free cell nearest to it.

    Args:
        points: (n, 2) float64 in [0, 1].
        columns, rows: of the grid; at least n cells.

    Returns:
        (n, 2) int64 column and row.
    """
    scale = np.array([columns - 1, rows - 1])
    wanted = np.clip(points, 0, 1) * scale
    cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    free = np.ones(len(cells), bool)
    snapped = np.zeros((len(points), 2), np.int64)
    for i in np.argsort(np.linalg.norm(wanted - scale / 2, axis=1), kind="stable"):
        distance = ((cells - wanted[i]) ** 2).sum(axis=1)
        cell = np.where(free, distance, np.inf).argmin()
        free[cell] = False
        snapped[i] = cells[cell]
    return snapped


def _offsets() -> Float64:
    """Return (r, 2) float64: directions times ring radii, in label diameters."""
    angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([ring * circle for ring in _RINGS])


def _within(places: Float64, centre: Float64, reach: float) -> npt.NDArray[np.bool_]:
    """Return (n,) bool: which of (n, 2) places lie in the square of 2 ``reach`` about a centre."""
    return np.asarray((np.abs(places - centre) <= reach).all(axis=1))


def _distances(a: Float64, b: Float64) -> Float64:
    """Return (n, m) float64, from each of (n, 2) places to each of (m, 2)."""
    return np.asarray(np.linalg.norm(a[:, None] - b[None], axis=2))


def _outside(places: Float64, radius: float, frame: Float64) -> Float64:
    """Return (n,) float64: 1 where a label at one of (n, 2) places leaves the frame, else 0."""
    low, high = frame[:2] + radius, frame[2:] - radius
    return np.asarray(((places < low) | (places > high)).any(axis=1), np.float64)
