"""The face of each selfie is that of a run; what cannot be used is said and never raised."""

import io

import numpy as np
import pytest
from PIL import Image

from grouping import GroupingConfig
from grouping.execution.face_models import shared_models
from grouping.lookup.selfies import selfies_of
from grouping.sources.entries import photos_from_entries
from tests.helpers.paths import PHOTOS


def seen(*entries):
    photos = photos_from_entries(entries, allow_local=True)
    return selfies_of(photos, shared_models(GroupingConfig()))


def test_the_vector_is_that_of_a_run(grouped):
    (selfie,) = seen(PHOTOS / "president_obama_2.jpg")
    result = grouped.result
    place = next(i for i, photo in enumerate(result.photos) if "obama_2" in photo.location)
    (row,) = np.flatnonzero(result.faces.photo_index == place)
    assert selfie.vector @ result.faces.embeddings[row] > 0.99999
    assert selfie.quality == pytest.approx(float(result.faces.quality[row]), abs=1e-4)
    assert (selfie.problem, selfie.remark, selfie.weakness) == ("", "", "")
    assert "array" not in repr(selfie)  # nor does a log tell the vector


def encoded(image):
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (PHOTOS / "rocket.jpg", "no face"),
        (PHOTOS / "two_presidents.jpg", "two faces"),
        (PHOTOS / "README.md", "not an image"),
        (PHOTOS / "missing.jpg", "No such file"),
        (b"", "not an image|empty"),
        (encoded(Image.new("RGB", (1, 1))), "no face"),
        ({"id": 1, "url": "ftp://example.org/a.jpg"}, "not supported"),
    ],
    ids=["no face", "two faces", "text", "missing", "empty", "1x1", "ftp"],
)
def test_what_cannot_be_used_is_said(entry, said):
    import re

    (selfie,) = seen(entry)
    assert selfie.vector is None
    assert re.search(said, selfie.problem)
    assert "\n" not in selfie.problem


def test_a_passer_by_is_not_meant():
    with Image.open(PHOTOS / "two_presidents.jpg") as photo:
        small = photo.resize((photo.width // 4, photo.height // 4))
    with Image.open(PHOTOS / "president_obama_1.jpg") as portrait:
        wide = Image.new("RGB", (portrait.width + small.width, max(portrait.height, small.height)))
        wide.paste(portrait, (0, 0))
        wide.paste(small, (portrait.width, 0))
    (selfie,) = seen(wide)
    (alone,) = seen(PHOTOS / "president_obama_1.jpg")
    assert selfie.remark.startswith("of 3 faces")
    assert selfie.vector @ alone.vector > 0.9
