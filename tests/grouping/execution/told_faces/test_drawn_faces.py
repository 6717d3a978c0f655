"""Boxes that a person drew become faces, and cost nothing the second time."""

import hashlib
import threading

import numpy as np
import pytest

from grouping.config import GroupingConfig
from grouping.errors import Interrupted
from grouping.execution.face_models import FaceModels, shared_models
from grouping.execution.outcomes import outcomes_of
from grouping.execution.told_faces.drawn_faces import draw_faces
from grouping.records import FaceReference
from grouping.sources.photo import LocalPhoto, MemoryPhoto
from grouping.storage.cache import Cache
from tests.helpers.paths import PHOTOS
from tests.helpers.photo_files.drawn import BOX, MISSING_IT, SIZE, missed_face_photo
from tests.helpers.results.cache import bytes_on_disk

OBAMA = PHOTOS / "president_obama_1.jpg"


@pytest.fixture(scope="module")
def models():
    return shared_models(GroupingConfig(**MISSING_IT))


@pytest.fixture(scope="module")
def missed():
    return missed_face_photo()


@pytest.fixture(scope="module")
def outcome(models, missed):
    (outcome,) = outcomes_of(models, [memory(missed)])
    return outcome


@pytest.fixture(scope="module")
def obama(models):
    (outcome,) = outcomes_of(models, [LocalPhoto.at(OBAMA)])
    return outcome


def memory(data, name="a"):
    return MemoryPhoto(name, name, data=data)


def refer(data, box=BOX):
    return FaceReference(hashlib.sha256(data).hexdigest(), tuple(map(float, box)))


def test_a_face_that_was_missed_is_added_aligned_and_known_again(models, missed, outcome, obama):
    assert len(outcome.faces) == 0
    drawn = draw_faces(models, [memory(missed)], [outcome], [refer(missed)])
    (now,) = drawn.outcomes
    assert now.drawn == (0,)
    assert now.faces.boxes.tolist() == [list(map(float, BOX))]
    assert now.faces.scores[0] > 0.9
    assert 0.2 < now.faces.quality[0] < 1
    # The same face, four times as large, as the detector sees it in the photo by itself.
    (whole,) = outcomes_of(models, [LocalPhoto.at(PHOTOS / "president_obama_2.jpg")])
    expected = (whole.faces.landmarks[0] + 0.5) / 4 - 0.5 + np.array([900, 400])
    assert np.abs(now.faces.landmarks[0] - expected).max() < 2.5
    assert now.faces.embeddings[0] @ obama.faces.embeddings[0] > models.default_threshold


@pytest.mark.parametrize(
    "box",
    [
        (BOX[0] - 8, BOX[1] - 12, BOX[2] + 8, BOX[3] + 12),  # the whole head
        (BOX[0] + 5, BOX[1] + 8, BOX[2] - 5, BOX[3] - 8),  # eyes to mouth
        (BOX[0] + 6, BOX[1] - 6, BOX[2] + 6, BOX[3] - 6),  # beside it
    ],
)
def test_loose_boxes_do(models, missed, outcome, obama, box):
    drawn = draw_faces(models, [memory(missed)], [outcome], [refer(missed, box)])
    face = drawn.outcomes[0].faces
    assert face.scores[0] > 0.9
    assert face.embeddings[0] @ obama.faces.embeddings[0] > models.default_threshold


@pytest.mark.parametrize("orientation", [3, 6, 8, 5])
def test_boxes_are_in_pixels_of_the_upright_photo(models, outcome, missed, orientation):
    data = missed_face_photo(orientation=orientation)
    (there,) = outcomes_of(models, [memory(data)])
    assert (there.width, there.height) == SIZE
    (now,) = draw_faces(models, [memory(data)], [there], [refer(data)]).outcomes
    (upright,) = draw_faces(models, [memory(missed)], [outcome], [refer(missed)]).outcomes
    assert np.abs(now.faces.landmarks - upright.faces.landmarks).max() < 1.5


def test_a_face_that_lies_on_its_side_is_turned(models, missed):
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.open(io.BytesIO(missed)).transpose(Image.Transpose.ROTATE_90).save(buffer, "PNG")
    data = buffer.getvalue()
    x1, y1, x2, y2 = BOX
    box = (y1, SIZE[0] - x2, y2, SIZE[0] - x1)
    (there,) = outcomes_of(models, [memory(data)])
    (now,) = draw_faces(models, [memory(data)], [there], [refer(data, box)]).outcomes
    left, right = now.faces.landmarks[0, :2]
    assert abs(left[0] - right[0]) < 4 < left[1] - right[1]  # the eye that is left lies below


def test_a_box_on_a_detected_face_is_that_face(models, obama):
    data = OBAMA.read_bytes()
    x1, y1, x2, y2 = obama.faces.boxes[0].tolist()
    head = (x1 - 60, y1 - 60, x2 + 60, y2 + 60)  # overlaps it by less than half
    wanted = [refer(data, (x1 + 5, y1, x2, y2)), refer(data, head)]
    drawn = draw_faces(models, [LocalPhoto.at(OBAMA)], [obama], wanted)
    assert drawn.outcomes[0] is obama
    assert [drawn.meant[ref].box for ref in wanted] == [(x1, y1, x2, y2)] * 2


def test_where_no_network_sees_a_face_the_box_tells_where_it_is(models, missed, outcome):
    box = (200, 750, 300, 890)
    (now,) = draw_faces(models, [memory(missed)], [outcome], [refer(missed, box)]).outcomes
    assert now.faces.scores.tolist() == [0]
    assert now.faces.quality[0] < 0.5
    eyes, mouth = now.faces.landmarks[0, :2], now.faces.landmarks[0, 3:]
    assert (eyes[:, 1] < 820).all()
    assert (mouth[:, 1] > 840).all()
    assert (now.faces.landmarks[0].min(0) > box[:2]).all()
    assert (now.faces.landmarks[0].max(0) < box[2:]).all()


def test_two_boxes_on_one_face_are_one(models, missed, outcome):
    wanted = [refer(missed), refer(missed, (BOX[0] + 2, *BOX[1:])), refer(missed)]
    drawn = draw_faces(models, [memory(missed)], [outcome], wanted)
    assert len(drawn.outcomes[0].faces) == 1
    assert set(drawn.meant.values()) == {refer(missed)}


def test_what_can_be_no_face_is_refused_with_a_reason(models, missed, outcome):
    outside, tiny = refer(missed, (1450, 10, 1900, 400)), refer(missed, (10, 10, 17, 400))
    elsewhere = FaceReference("0" * 64, (0.0, 0.0, 50.0, 50.0))
    drawn = draw_faces(models, [memory(missed)], [outcome], [outside, tiny, elsewhere])
    assert drawn.outcomes == (outcome,)
    assert "outside" in drawn.refused[outside]
    assert "8 pixels" in drawn.refused[tiny]
    assert elsewhere not in drawn.refused  # said where all that is gone is said
    assert drawn.meant == {}


def test_a_box_that_hangs_over_the_edge_is_cut_off(models, missed, outcome):
    wanted = refer(missed, (-20, 500, 80, 640))
    drawn = draw_faces(models, [memory(missed)], [outcome], [wanted])
    assert drawn.outcomes[0].faces.boxes.tolist() == [[0, 500, 80, 640]]
    assert drawn.meant[wanted].box == (0, 500, 80, 640)


def test_a_photo_that_has_gone_or_changed_is_refused(models, missed, outcome, tmp_path):
    gone = LocalPhoto.at(tmp_path / "gone.jpg")
    for photo, reason in [(gone, "cannot be read"), (memory(b"other"), "changed")]:
        drawn = draw_faces(models, [photo], [outcome], [refer(missed)])
        assert drawn.outcomes == (outcome,)
        assert reason in drawn.refused[refer(missed)]


def test_a_photo_full_of_boxes_does_not_take_for_ever(models, missed, outcome, monkeypatch):
    monkeypatch.setattr("grouping.execution.told_faces.drawn_faces.MOST_DRAWN", 2)
    wanted = [refer(missed, (x, 750, x + 60, 830)) for x in (100, 200, 300, 400)]
    drawn = draw_faces(models, [memory(missed)], [outcome], wanted)
    assert drawn.outcomes[0].drawn == (0, 1)
    assert list(drawn.refused) == wanted[2:]
    assert "drawn ones already" in drawn.refused[wanted[2]]


def test_all_copies_of_a_photo_have_the_face(models, missed, outcome):
    photos = [memory(missed), memory(missed, "b")]
    drawn = draw_faces(models, photos, [outcome, outcome], [refer(missed)])
    assert [o.drawn for o in drawn.outcomes] == [(0,), (0,)]


def test_the_second_time_no_photo_is_read_and_no_network_loaded(models, missed, outcome, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(missed)
    photo = LocalPhoto.at(tmp_path / "photo.jpg")
    wanted = [refer(missed), refer(missed, (200, 750, 300, 890))]
    with Cache.open(tmp_path / "cache.sqlite") as cache:
        (first,) = draw_faces(models, [photo], [outcome], wanted, cache=cache).outcomes
        photo.path.unlink()
        cold = FaceModels(models.detection, models.embedding)
        (again,) = draw_faces(cold, [photo], [outcome], wanted, cache=cache).outcomes
    assert "_analyser" not in vars(cold)
    for column in ("boxes", "scores", "landmarks", "quality", "embeddings"):
        assert np.array_equal(getattr(first.faces, column), getattr(again.faces, column))


def test_forgetting_a_photo_forgets_the_faces_drawn_in_it(models, missed, outcome, tmp_path):
    place = tmp_path / "photo.jpg"
    place.write_bytes(missed)
    folder = tmp_path / "cache"
    with Cache.open(folder / "cache.sqlite") as cache:
        wanted = [refer(missed)]
        (now,) = draw_faces(models, [LocalPhoto.at(place)], [outcome], wanted, cache=cache).outcomes
        vector = now.faces.embeddings.tobytes()
        assert vector in bytes_on_disk(folder)
        assert cache.forget([place]) == []
        assert vector not in bytes_on_disk(folder)


def test_crops_are_kept_where_asked_for(models, missed, outcome, obama):
    data = OBAMA.read_bytes()
    (whole,) = outcomes_of(models, [LocalPhoto.at(OBAMA)], keep_crops=True)
    photos, wanted = [LocalPhoto.at(OBAMA)], [refer(data, (5, 5, 60, 80))]
    (now,) = draw_faces(models, photos, [whole], wanted, keep_crops=True).outcomes
    assert now.crops.shape == (2, 112, 112, 3)
    assert np.array_equal(now.crops[0], whole.crops[0])


def test_a_stop_is_obeyed(models, missed, outcome):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Interrupted):
        draw_faces(models, [memory(missed)], [outcome], [refer(missed)], stop=stop)
