"""The API a service calls, on real photos of people whose names are known."""

import copy
import io
import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import numpy as np
import pytest
from PIL import Image

from backbone.weights.known_files import IR50_RECORD
from grouping import GroupingPipeline, face_recognition
from grouping.errors import ConfigError, CorrectionsError, InputError, ModelError, OutputError
from grouping.execution import face_models
from grouping.sources.entries import photos_from_entries
from tests.helpers.networks.checkpoints import write_ir50_checkpoint
from tests.helpers.paths import PHOTOS

# Who is in which sample photo: see tests/photos/README.md.
OBAMA = {"president_obama_1.jpg", "president_obama_2.jpg", "president_obama_3.jpg"}
BIDEN = {"president_biden.jpg"}
BOTH = "two_presidents.jpg"
NAMES = sorted(p.name for p in PHOTOS.glob("*.jpg"))


def entries(names=NAMES):
    return [{"id": f"id of {name}", "url": str(PHOTOS / name), "kept": 7} for name in names]


@pytest.fixture(scope="module")
def answer():
    return face_recognition(entries(), allow_local=True)


def test_the_right_people_are_found_in_the_right_photos(answer):
    groups, _ = answer
    seen = [{NAMES[i] for i in group["original_images_idx_list"]} for group in groups]
    assert seen == [OBAMA | {BOTH}, BIDEN | {BOTH}]


def test_images_say_who_is_in_them(answer):
    _, images = answer
    by_name = {name: image["group_idx"] for name, image in zip(NAMES, images, strict=True)}
    assert by_name[BOTH] == [0, 1]
    assert by_name["president_biden.jpg"] == [1]
    assert by_name["astronaut.jpg"] == [-1]
    assert by_name["rocket.jpg"] == [-2]
    assert all(image["kept"] == 7 and image["id"].startswith("id of") for image in images)


def test_groups_keep_the_keys_of_the_earlier_program(answer):
    groups, images = answer
    group = groups[0]
    n = len(group["face2_idx_list"])
    for key in (
        "original_images_idx_list",
        "face_list",
        "face1_idx_list",
        "cosine_similarity_list",
    ):
        assert len(group[key]) == n
    assert group["face1_idx_list"][0] == []
    assert group["cosine_similarity_list"][0] == -1
    assert set(group["face1_idx_list"][1:]) <= set(group["face2_idx_list"])
    assert group["crop_path_list"] == []
    assert group["image_ids"] == [
        images[i]["id"] for i in sorted(group["original_images_idx_list"])
    ]
    assert group["representative_face_idx"] in group["face2_idx_list"]
    for crop in group["face_list"]:
        assert crop.shape == (112, 112, 3)
        assert crop.dtype == np.uint8


def test_faces_are_where_a_person_sees_them(answer):
    _, images = answer
    (face,) = images[NAMES.index("astronaut.jpg")]["faces"]
    x1, y1, x2, y2 = face["box"]
    assert x1 < 225 < x2  # the nose of the astronaut is at (225, 118) by eye
    assert y1 < 118 < y2
    nose = face["landmarks"][2]
    assert np.hypot(nose[0] - 225, nose[1] - 118) < 12
    left_eye, right_eye = face["landmarks"][:2]
    assert left_eye[0] < nose[0] < right_eye[0]


def test_similarity_is_the_cosine_to_the_mean_of_the_group():
    photos = photos_from_entries(entries(), allow_local=True)
    result = GroupingPipeline().run(photos)
    members = result.faces.embeddings[result.grouping.labels == 0].astype(np.float64)
    mean = members.mean(0) / np.linalg.norm(members.mean(0))
    np.testing.assert_allclose(
        result.grouping.similarity[result.grouping.labels == 0], members @ mean, atol=1e-5
    )
    np.testing.assert_allclose(result.grouping.cohesion[0], (members @ mean).mean(), atol=1e-5)


def test_the_callers_list_is_not_changed():
    given = entries(["astronaut.jpg", "rocket.jpg"])
    before = copy.deepcopy(given)
    face_recognition(given, allow_local=True)
    assert given == before


def test_results_do_not_depend_on_the_order_of_the_input(answer):
    groups, _ = answer
    want = [sorted(group["image_ids"]) for group in groups]
    mixed = [NAMES[i] for i in np.random.default_rng(3).permutation(len(NAMES))]
    groups, _ = face_recognition(entries(mixed), allow_local=True)
    assert [sorted(group["image_ids"]) for group in groups] == want


def test_pixels_paths_and_bytes_are_accepted_in_any_iterable(answer):
    paths = [PHOTOS / name for name in sorted(OBAMA)]
    image = Image.open(paths[2])
    inputs = (paths[0], paths[1].read_bytes(), image, np.asarray(image.convert("RGB")))
    groups, images = face_recognition(iter(inputs))
    assert [image["id"] for image in images] == [0, 1, 2, 3]
    assert groups[0]["image_ids"] == [0, 1, 2, 3]
    assert images[0]["url"] == str(paths[0])
    assert images[1]["url"] is None


def test_nothing_in_gives_nothing_out():
    assert face_recognition([]) == ([], [])


def test_no_face_is_not_an_error():
    groups, images = face_recognition([PHOTOS / "rocket.jpg"])
    assert groups == []
    assert images[0]["group_idx"] == [-2]
    assert images[0]["faces"] == []


def test_a_local_path_in_a_dictionary_is_refused_unless_allowed():
    _, images = face_recognition(entries(["rocket.jpg"]))
    assert images[0]["group_idx"] == [-3]
    assert "allow_local" in images[0]["error"]


def test_one_bad_photo_never_stops_a_run(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"this is no image")
    good = PHOTOS / "astronaut.jpg"
    _, images = face_recognition([good, tmp_path / "bad.jpg", tmp_path / "missing.jpg", b"", good])
    assert [image["group_idx"] for image in images] == [[-1], [-3], [-3], [-3], [-1]]
    assert all("\n" not in image["error"] for image in images[1:4])
    assert images[1]["sha256"]


def test_something_else_in_the_list_names_its_position():
    with pytest.raises(InputError, match=r"images\[1\]"):
        face_recognition([PHOTOS / "rocket.jpg", 3.14])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *[("threshold", 2), ("cluster", "kmeans"), ("min_face", -1), ("treshold", 0.4)],
        *[("workers", 1.5), ("device", None), ("flip", "no"), ("crowds", 1)],
    ],
)
def test_wrong_settings_are_named(setting, value):
    with pytest.raises(ConfigError, match=setting):
        face_recognition([], **{setting: value})


@pytest.mark.parametrize("images", [None, 7, "album", b"jpeg", {"id": 1, "url": "x"}])
def test_what_is_no_list_of_photos_is_named(images):
    with pytest.raises(InputError, match="images must be a list"):
        face_recognition(images)


def test_paths_may_be_strings_and_are_checked_before_the_work(tmp_path, answer):
    photos = [{"id": 0, "url": "http://nobody.invalid/a.jpg"}]  # would be a failure, not an error
    with pytest.raises(InputError, match=r"groups\.json"):
        face_recognition(photos, previous={})
    with pytest.raises(CorrectionsError):
        face_recognition(photos, corrections=str(tmp_path / "gone.toml"))
    with pytest.raises(ModelError, match=r"gone\.pth"):
        face_recognition(photos, checkpoint=str(tmp_path / "gone.pth"))
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        face_recognition(photos, crops_folder=str(tmp_path / "file"))


def test_crops_can_be_left_out():
    groups, _ = face_recognition([PHOTOS / name for name in OBAMA], crops=False)
    assert groups[0]["face_list"] == []


def test_crops_can_be_saved(tmp_path, answer):
    groups, _ = face_recognition(entries(), allow_local=True, crops_folder=str(tmp_path / "crops"))
    for group in groups:
        assert len(group["crop_path_list"]) == len(group["face_list"]) > 0
        for path, crop in zip(group["crop_path_list"], group["face_list"], strict=True):
            np.testing.assert_array_equal(np.asarray(Image.open(path)), crop)


def test_min_photos_and_threshold_are_obeyed(answer):
    groups, _ = face_recognition(entries(), allow_local=True, min_photos=3)
    assert len(groups) == 1
    groups, _ = face_recognition(entries(), allow_local=True, min_photos=1)
    assert sum(len(group["face2_idx_list"]) for group in groups) == 7
    groups, _ = face_recognition(entries([*OBAMA]), allow_local=True, threshold=0.999)
    assert groups == []


def test_hdbscan_finds_the_same_people(answer):
    copies = [*entries(), *entries()]
    groups, _ = face_recognition(copies, allow_local=True, cluster="hdbscan")
    seen = [{NAMES[i % len(NAMES)] for i in group["original_images_idx_list"]} for group in groups]
    assert OBAMA | {BOTH} in seen
    assert all(not (names & OBAMA and names & BIDEN) for names in seen)


def test_two_threads_may_call_at_once(answer):
    groups, _ = answer
    want = [group["image_ids"] for group in groups]
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(face_recognition, entries(), allow_local=True) for _ in range(2)]
        for call in calls:
            assert [group["image_ids"] for group in call.result()[0]] == want


def test_models_load_once_in_a_process(answer):
    first = GroupingPipeline().models.analyser
    assert GroupingPipeline().models.analyser is first


def test_worker_processes_give_the_same_result(answer, tmp_path):
    for copy_number in range(2):  # more than what is worth starting processes for
        for name in NAMES:
            shutil.copy(PHOTOS / name, tmp_path / f"{copy_number} {name}")
    (tmp_path / "odd.jpg").write_bytes(b"\xff\xd8 nothing")
    paths = sorted(tmp_path.iterdir())
    here = face_recognition(paths, crops=False)
    there = face_recognition(paths, crops=False, workers=2)
    assert json.dumps(there[1]) == json.dumps(here[1])
    assert json.dumps(there[0]) == json.dumps(here[0])


def test_copies_of_a_photo_are_reported_in_every_place(tmp_path):
    data = (PHOTOS / BOTH).read_bytes()
    groups, images = face_recognition([data, data, data], min_photos=1)
    assert [image["group_idx"] for image in images] == [[0, 1]] * 3
    assert all(len(group["face2_idx_list"]) == 3 for group in groups)
    assert [image.get("copy_of") for image in images] == [None, 0, 0]
    assert [group["pictures"] for group in groups] == [1, 1]


def test_an_ir50_checkpoint_drives_a_whole_run(tmp_path):
    checkpoint = write_ir50_checkpoint(tmp_path / IR50_RECORD.file_name)
    photos = photos_from_entries([PHOTOS / "astronaut.jpg"] * 1 + [PHOTOS / BOTH])
    from grouping import GroupingConfig

    result = GroupingPipeline(GroupingConfig(checkpoint=checkpoint)).run(photos)
    assert result.model["architecture"] == "IR-50"
    assert result.model["sha256"] == sha256(checkpoint.read_bytes()).hexdigest()
    face_models._models.cache_clear()  # of half a gigabyte
    assert result.faces.embeddings.shape == (3, 512)


def test_a_missing_checkpoint_is_found_out_before_any_photo_is_read(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.pth"):
        face_recognition([PHOTOS / "rocket.jpg"], checkpoint=tmp_path / "nowhere.pth")


def test_stop_ends_a_run_early():
    from grouping.errors import Interrupted

    stop = threading.Event()
    pipeline = GroupingPipeline(stop=stop)
    photos = photos_from_entries([PHOTOS / name for name in NAMES] * 20)
    seen = []

    def on_photo(photo, _):
        seen.append(photo)
        stop.set()

    with pytest.raises(Interrupted):
        pipeline.run(photos, on_photo=on_photo)
    assert 1 <= len(seen) < 20


def test_exif_rotation_is_undone():
    upright = Image.open(PHOTOS / "astronaut.jpg")
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to view
    upright.transpose(Image.Transpose.ROTATE_90).save(turned, "JPEG", exif=exif, quality=95)
    _, images = face_recognition([PHOTOS / "astronaut.jpg", turned.getvalue()])
    boxes = np.array([image["faces"][0]["box"] for image in images])
    assert np.abs(boxes[0] - boxes[1]).max() < 4
