"""Copies of photos through the whole program: they make nobody a person, and are shown as such."""

import numpy as np
import pytest

from grouping.config import GroupingConfig
from grouping.pipeline import GroupingPipeline
from grouping.sources.listing import list_sources
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.copies import resized, same_bytes, saved_again, toned

COPIES = {"(1)": same_bytes, "-saved": saved_again, "-small": resized, "-edited": toned}


def run(folder):
    return GroupingPipeline(GroupingConfig(workers=0)).run(list_sources([folder]))


@pytest.mark.parametrize("kind", COPIES)
def test_nobody_is_a_person_because_his_photo_is_there_twice(tmp_path, kind):
    for name in ("astronaut", "president_biden"):
        same_bytes(PHOTOS / f"{name}.jpg", tmp_path / f"{name}.jpg")
        COPIES[kind](PHOTOS / f"{name}.jpg", tmp_path / f"{name}{kind}.jpg")
    result = run(tmp_path)
    names = [photo.location.rsplit("/", 1)[-1] for photo in result.photos]
    copies = {names[i]: names[j] for i, j in enumerate(result.copy_of) if j >= 0}
    assert copies == {
        f"astronaut{kind}.jpg": "astronaut.jpg",
        f"president_biden{kind}.jpg": "president_biden.jpg",
    }
    assert len(result.faces) == 4
    assert len(result.grouping) == 0


def test_different_photos_of_one_person_are_no_copies():
    assert np.array_equal(run(PHOTOS).copy_of, np.full(7, -1))


def test_copies_of_somebody_who_is_in_two_pictures_are_in_his_group(tmp_path):
    for name in ("president_obama_1", "president_obama_2"):
        same_bytes(PHOTOS / f"{name}.jpg", tmp_path / f"{name}.jpg")
    resized(PHOTOS / "president_obama_1.jpg", tmp_path / "president_obama_1-small.jpg")
    result = run(tmp_path)
    assert len(result.grouping) == 1
    assert result.grouping.labels.tolist() == [0, 0, 0]
    assert np.count_nonzero(result.copy_of >= 0) == 1


def test_photos_without_a_face_are_copies_by_their_bytes_alone(tmp_path):
    same_bytes(PHOTOS / "rocket.jpg", tmp_path / "rocket.jpg")
    same_bytes(PHOTOS / "rocket.jpg", tmp_path / "rocket(1).jpg")
    saved_again(PHOTOS / "rocket.jpg", tmp_path / "rocket-saved.jpg")
    result = run(tmp_path)
    names = [photo.location.rsplit("/", 1)[-1] for photo in result.photos]
    assert {names[i]: names[j] for i, j in enumerate(result.copy_of) if j >= 0} == {
        "rocket(1).jpg": "rocket.jpg"
    }
