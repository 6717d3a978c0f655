import json
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import pdist

from grouping.errors import InputError
from grouping.report.plots.face_mosaic import faces_picture
from grouping.report.plots.label_placement import place_labels, snap_to_grid
from grouping.report.plots.plot_data import fair_sample, plot_data
from grouping.report.plots.similarity_plot import similarity_figure
from grouping.report.plots.tsne_plot import tsne_figure
from grouping.report.style import COLOURS, MARKERS, colour_of, marker_of
from tests.helpers.album import album, face_set, unit_vectors


def drawn(figure) -> np.ndarray:
    encoded = BytesIO()
    figure.savefig(encoded, format="png")
    return np.asarray(Image.open(encoded).convert("RGB"))


def computed(labels: list[int], noise: float = 0.8, **options) -> dict:
    vectors = unit_vectors(labels, noise)
    return plot_data(face_set(vectors), np.array(labels, np.int64), 0.4, **options)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 60])
def test_every_face_gets_a_finite_place_of_its_own(n):
    data = computed([i % 2 for i in range(n)])
    places = set(zip(data["tsne"]["x"], data["tsne"]["y"], strict=True))
    assert data["tsne"]["face_idx"] == list(range(n))
    assert len(places) == n
    assert np.isfinite(list(places)).all()
    json.dumps(data, allow_nan=False)


def test_three_hundred_copies_of_one_face_have_finite_places():
    vectors = np.repeat(unit_vectors([0], 0.0), 300, axis=0)
    data = plot_data(face_set(vectors), np.zeros(300, np.int64), 0.4)
    assert np.isfinite([data["tsne"]["x"], data["tsne"]["y"]]).all()


def test_people_that_are_far_apart_are_neighbours_of_themselves_on_the_map():
    labels = [i // 12 for i in range(96)]
    tsne = computed(labels, noise=0.5)["tsne"]
    points = np.array([tsne["x"], tsne["y"]]).T
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    nearest = gaps.argmin(axis=1)
    assert np.mean(np.array(labels)[nearest] == np.array(labels)) == 1.0


def test_the_same_faces_and_seed_give_the_same_map():
    assert computed([0, 0, 1, 1, -1] * 8) == computed([0, 0, 1, 1, -1] * 8)


def test_histogram_counts_every_pair_of_grouped_faces_once():
    labels = np.array([0] * 9 + [1] * 5 + [2] * 3 + [-1] * 4)
    vectors = unit_vectors(labels.tolist(), 1.0)
    data = plot_data(face_set(vectors), labels, 0.4)["histogram"]
    known = labels >= 0
    similarities = 1 - pdist(vectors[known].astype(np.float64), "cosine")
    same = pdist(labels[known, None].astype(float), "cityblock") == 0
    assert sum(data["same"]) == 36 + 10 + 3
    assert sum(data["different"]) == len(same) - 49
    for kind, pairs in (("same", same), ("different", ~same)):
        expected, _ = np.histogram(similarities[pairs], data["edges"])
        moved = np.abs(np.cumsum(expected) - np.cumsum(data[kind])).max()
        assert moved <= 1  # float32 may put one pair into the neighbouring bin


def test_pairs_are_counted_across_blocks_too(monkeypatch):
    monkeypatch.setattr("grouping.report.plots.plot_data._BLOCK", 40)
    n = 100
    counts = computed([0] * n, noise=0.5)["histogram"]
    assert sum(counts["same"]) == n * (n - 1) // 2


def test_matrix_of_few_faces_holds_their_cosines_in_the_order_of_groups():
    labels = np.array([1, -1, 0, 1, 0])
    vectors = unit_vectors(labels.tolist(), 0.5)
    matrix = plot_data(face_set(vectors), labels, 0.4)["matrix"]
    values = np.frombuffer(b64decode(matrix["int8"]), np.int8).reshape(5, 5) / 127
    order = [2, 4, 0, 3, 1]
    assert matrix["group_idx"] == [0, 0, 1, 1, -1]
    np.testing.assert_allclose(values, vectors[order] @ vectors[order].T, atol=0.5 / 127 + 1e-6)


def test_matrix_of_many_faces_is_averaged_to_its_largest_side():
    labels = np.repeat(np.arange(2), 220)
    matrix = computed(labels.tolist(), noise=0.1)["matrix"]
    values = np.frombuffer(b64decode(matrix["int8"]), np.int8).reshape(matrix["side"], -1) / 127
    assert matrix["side"] == 400
    assert matrix["group_idx"] == [0] * 200 + [1] * 200
    assert values[:200, :200].min() > 0.9
    assert values[:200, 200:].max() < 0.5


def test_a_sample_keeps_everybody_and_the_proportions():
    labels = np.array([0] * 6000 + [1] * 3000 + [2] * 2 + [-1] * 998)
    sample = fair_sample(labels, 1000, seed=3)
    share = {g: int(np.sum(labels[sample] == g)) for g in (0, 1, 2, -1)}
    assert len(sample) == len(set(sample.tolist())) == 1000
    assert share[2] >= 1
    assert share[0] == pytest.approx(600, abs=2)
    assert share[1] == pytest.approx(300, abs=2)
    assert share[-1] == pytest.approx(100, abs=2)


def test_the_title_says_that_a_sample_is_drawn():
    result, _ = album([[0], [0], [1], [1], [0]])
    vectors = unit_vectors([0, 0, 1, 1, 0], 0.3)
    labels = np.array([0, 0, 1, 1, 0])
    result["plots"] = plot_data(face_set(vectors), labels, 0.4, max_faces=3)
    words = " ".join(text.get_text() for text in tsne_figure(result).texts)
    assert "3 of 5 faces, sampled" in words
    assert "2 people in 5 photos" in words
    assert "MobileFaceNet" in words


def test_labels_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"shape \(2,\)"):
        plot_data(face_set(unit_vectors([0, 1], 0.1)), np.zeros(3, np.int64), 0.4)


@pytest.mark.parametrize(
    "photos", [[], [[-1]], [[0], [0]], [[0, -1], [0, 1], [1]], [[g] for g in range(60)] * 2]
)
def test_both_figures_are_drawn_for_any_number_of_people(photos):
    result, _ = album(photos)
    assert drawn(tsne_figure(result)).shape == (1200, 1920, 3)
    assert drawn(similarity_figure(result)).shape == (960, 1920, 3)


def test_the_legend_stays_short_and_says_what_it_leaves_out():
    result, _ = album([[g] for g in range(90)] * 2)
    entries = [text.get_text() for text in tsne_figure(result).legends[0].get_texts()]
    assert len(entries) < 40
    assert entries[-1] == "and 54 more, by number"


def test_every_person_has_a_number_in_the_map():
    result, _ = album([[g, -1] for g in range(70)] * 2)
    numbers = {text.get_text() for text in tsne_figure(result).axes[0].texts}
    assert numbers == {str(g) for g in range(70)}


@pytest.mark.parametrize("name", ["$\\frac{1}{", "김민수 😀", "<script>\n", "_^{}$a$"])
def test_names_are_drawn_as_they_are_never_as_formulas(name):
    result, _ = album([[0], [0]], names={0: name})
    result["model"]["name"] = name
    drawn(tsne_figure(result))
    drawn(similarity_figure(result))


def test_portraits_are_drawn_where_the_person_is():
    result, _ = album([[0], [0], [0]])
    plain = drawn(tsne_figure(result))
    red = drawn(tsne_figure(result, lambda face: Image.new("RGB", (112, 112), (255, 0, 0))))
    assert not (plain == (255, 0, 0)).all(axis=2).any()
    assert (red == (255, 0, 0)).all(axis=2).sum() > 1000


def test_drawing_leaves_the_state_of_pyplot_alone():
    import matplotlib.pyplot as plt

    result, _ = album([[0], [0]])
    drawn(tsne_figure(result))
    assert plt.get_fignums() == []


def test_sixty_three_people_look_different_and_strangers_are_grey():
    looks = {(colour_of(g), marker_of(g)) for g in range(len(COLOURS) * len(MARKERS))}
    assert len(looks) == 63
    assert len(set(bytes.fromhex(colour_of(-1)[1:]))) == 1


def test_labels_keep_off_each_other_and_inside_the_frame():
    rng = np.random.default_rng(0)
    centres = rng.uniform(100, 900, (25, 2))
    places = place_labels(centres, [40] * 25, centres, np.array([0.0, 0.0, 1000.0, 1000.0]))
    assert pdist(places).min() >= 39
    assert places.min() >= 20
    assert places.max() <= 980


@pytest.mark.parametrize("n", [0, 1, 2, 3, 40])
def test_the_mosaic_shows_every_face_once_in_its_persons_colour(n):
    result, _ = album([[i % 2] for i in range(n)])
    shades = {i: (200, 3 * i, 100) for i in range(n)}
    picture = faces_picture(result, lambda face: Image.new("RGB", (112, 112), shades[face.idx]))
    pixels = np.asarray(picture)
    for idx, shade in shades.items():
        at = np.argwhere((pixels == shade).all(axis=2))
        top, left = at.min(axis=0)
        assert (at.max(axis=0) - (top, left) == at.max(axis=0)[0] - top).all()  # one square
        assert tuple(pixels[top - 2, left]) == tuple(bytes.fromhex(colour_of(idx % 2)[1:]))
        assert len(at) > 0.85 * (at.max(axis=0)[0] - top + 1) ** 2  # only a number may cover it


def test_the_mosaic_frames_strangers_in_grey_and_numbers_nobody_of_them():
    result, _ = album([[-1], [-1]])
    plain = faces_picture(result, lambda face: Image.new("RGB", (112, 112), (0, 0, 255)))
    pixels = np.asarray(plain)
    side = 72 - 1 - 8
    assert (pixels == (0, 0, 255)).all(axis=2).sum() == 2 * side * side
    assert (pixels == tuple(bytes.fromhex(colour_of(-1)[1:]))).all(axis=2).any()


def test_a_grid_gives_each_point_its_own_cell_near_it():
    rng = np.random.default_rng(1)
    points = rng.uniform(size=(200, 2))
    cells = snap_to_grid(points, 30, 20)
    assert len({tuple(cell) for cell in cells.tolist()}) == 200
    assert (cells >= 0).all()
    assert (cells < (30, 20)).all()
    assert np.abs(cells - points * (29, 19)).mean() < 1
