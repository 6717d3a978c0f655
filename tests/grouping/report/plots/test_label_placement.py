"""Places for labels and for pictures on a grid."""

import numpy as np
from scipy.spatial.distance import pdist

from grouping.report.plots.label_placement import place_labels, snap_to_grid


def test_labels_keep_off_each_other_and_inside_the_frame():
    rng = np.random.default_rng(0)
    centres = rng.uniform(100, 900, (25, 2))
    places = place_labels(centres, [40] * 25, centres, np.array([0.0, 0.0, 1000.0, 1000.0]))
    assert pdist(places).min() >= 39
    assert places.min() >= 20
    assert places.max() <= 980


def test_a_grid_gives_each_point_its_own_cell_near_it():
    rng = np.random.default_rng(1)
    points = rng.uniform(size=(200, 2))
    cells = snap_to_grid(points, 30, 20)
    assert len({tuple(cell) for cell in cells.tolist()}) == 200
    assert (cells >= 0).all()
    assert (cells < (30, 20)).all()
    assert np.abs(cells - points * (29, 19)).mean() < 1


def test_only_what_is_near_a_label_matters_to_it(monkeypatch):
    """The same places as where each label looks at all points and labels."""
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 900, (600, 2))
    centres, sizes = rng.uniform(50, 850, (60, 2)), rng.choice([14, 40, 90], 60).tolist()
    frame = np.array([0.0, 0, 900, 900])
    near = place_labels(centres, sizes, points, frame)
    monkeypatch.setattr(
        "grouping.report.plots.label_placement._within",
        lambda places, *_: np.ones(len(places), bool),
    )
    np.testing.assert_array_equal(near, place_labels(centres, sizes, points, frame))
