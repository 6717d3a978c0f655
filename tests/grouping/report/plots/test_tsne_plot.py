from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from grouping.report.plots.plot_data import plot_data
from grouping.report.plots.similarity_plot import similarity_figure
from grouping.report.plots.tsne_plot import tsne_figure
from tests.helpers.results.album import album, face_set, unit_vectors


def drawn(figure) -> np.ndarray:
    encoded = BytesIO()
    figure.savefig(encoded, format="png")
    return np.asarray(Image.open(encoded).convert("RGB"))


def test_the_title_says_that_a_sample_is_drawn():
    result, _ = album([[0], [0], [1], [1], [0]])
    vectors = unit_vectors([0, 0, 1, 1, 0], 0.3)
    labels = np.array([0, 0, 1, 1, 0])
    result["plots"] = plot_data(face_set(vectors), labels, 0.4, max_faces=3)
    words = " ".join(text.get_text() for text in tsne_figure(result).texts)
    assert "3 of 5 faces, sampled" in words
    assert "2 people in 5 photos" in words
    assert "MobileFaceNet" in words


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


def test_numbers_of_very_many_people_are_left_out_and_the_title_says_so(monkeypatch):
    monkeypatch.setattr("grouping.report.plots.tsne_plot.MOST_NUMBERED", 4)
    result, _ = album([[g] for g in range(9)] * 2)
    figure = tsne_figure(result)
    assert [text.get_text() for text in figure.axes[0].texts] == ["0", "1", "2", "3"]
    assert "the first 4 people numbered" in " ".join(text.get_text() for text in figure.texts)
