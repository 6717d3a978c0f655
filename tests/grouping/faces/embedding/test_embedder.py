from __future__ import annotations

import collections
import csv
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backbone.runtime.processor import has_bf16_units
from backbone.weights.known_files import CHECKPOINT_FOLDER, MOBILEFACENET_RECORD
from grouping.config import EmbeddingSettings
from grouping.errors import InputError, ModelError
from grouping.faces.alignment import align_faces
from grouping.faces.embedding.embedder import load_embedder
from grouping.records import RECOGNITION_SIGNS
from tests.helpers.paths import PHOTOS, SHARED_DATA

BUNDLED = CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name

# What the publisher's file gives for the image below, first eight numbers and length.
CHECK = "0.0116721 -0.0379093 0.0140169 -0.0823446 -0.0436962 -0.0204449 0.0329013 -0.0203652"
CHECK_NORM = 1.6174147


def embedder_of(*checkpoint, **settings):
    return load_embedder(EmbeddingSettings(*checkpoint, **settings))


@pytest.fixture(scope="module")
def embedder():
    return embedder_of(BUNDLED, device="cpu")


@pytest.fixture(scope="module")
def detector():
    from backbone.weights.mtcnn_files import load_mtcnn
    from grouping.faces.search.detection import CascadeSettings, Detector

    detect = Detector(load_mtcnn())
    return lambda picture: detect([picture], [CascadeSettings()])[0]


@pytest.fixture(scope="module")
def portraits(detector):
    """One aligned crop each of three photos of one man, one of another, one of a woman."""
    names = [f"president_obama_{i}" for i in (1, 2, 3)] + ["president_biden", "astronaut"]
    crops = []
    for name in names:
        picture = Image.open(PHOTOS / f"{name}.jpg").convert("RGB")
        crops.append(align_faces(picture, detector(picture).landmarks[:1])[0])
    return np.stack(crops)


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 112, 112, 3), np.uint8)


def test_check_vector_of_the_publisher():
    h, w, c = np.ogrid[:112, :112, :3]
    crop = ((7 * h + 13 * w + 29 * c) % 256).astype(np.uint8)
    got = embedder_of(BUNDLED, device="cpu", precision="fp32", flip=False)(crop[None]).vectors[0]
    expected = np.array([float(value) for value in CHECK.split()]) / CHECK_NORM
    assert np.abs(got[:8] - expected).max() < 2e-6


def test_rows_are_unit_vectors(embedder):
    vectors = embedder(noise(3)).vectors
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, embedder.dimension) == (3, 512)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)


def test_no_faces_give_no_rows(embedder):
    given = embedder(noise(0))
    assert given.vectors.shape == (0, 512)
    assert given.signs.shape == (0, len(RECOGNITION_SIGNS))
    assert given.vectors.dtype == given.signs.dtype == np.float32


def test_same_person_is_alike_and_others_are_not(embedder, portraits):
    vectors = embedder(portraits).vectors
    similarity = vectors @ vectors.T
    assert similarity[:3, :3].min() > 0.5
    assert similarity[:3, 3:].max() < 0.3
    assert similarity[3, 4] < 0.3


def test_flip_averages_the_mirror_image(portraits):
    plain = embedder_of(BUNDLED, device="cpu", flip=False)
    both = embedder_of(BUNDLED, device="cpu", flip=True)
    mirrored = portraits[:, :, ::-1]
    together = both(portraits).vectors
    assert np.abs(together - both(mirrored).vectors).max() < 1e-5
    assert (plain(portraits).vectors * plain(mirrored).vectors).sum(1).max() < 0.999
    assert (together * plain(portraits).vectors).sum(1).min() > 0.9


def test_rows_do_not_depend_on_their_batch(embedder):
    crops = noise(11)
    together = embedder(crops)
    for rows in (slice(None, None, -1), slice(4, 5)):
        apart = embedder(crops[rows])
        assert np.abs(apart.vectors - together.vectors[rows]).max() < 1e-5
        assert np.abs(apart.signs - together.signs[rows]).max() < 1e-4


def test_crops_are_not_changed_and_may_be_views(embedder):
    crops = noise(4)
    before = crops.copy()
    view, copy = embedder(crops[::2]), embedder(crops[::2].copy())
    assert np.abs(view.vectors - copy.vectors).max() < 1e-6
    assert np.array_equal(crops, before)


def test_threads_may_call_at_once(embedder):
    crops = noise(6)
    expected = embedder(crops).vectors
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: embedder(crops).vectors, range(8)))
    assert max(np.abs(result - expected).max() for result in results) < 1e-5


@pytest.mark.parametrize(
    "crops",
    [
        np.zeros((112, 112, 3), np.uint8),
        np.zeros((1, 3, 112, 112), np.uint8),
        np.zeros((1, 160, 160, 3), np.uint8),
        np.zeros((1, 112, 112, 4), np.uint8),
        np.zeros((1, 112, 112, 3), np.float32),
    ],
)
def test_crops_of_another_shape_or_type(embedder, crops):
    with pytest.raises(InputError, match=r"uint8 of shape \(n, 112, 112, 3\), got"):
        embedder(crops)


@pytest.mark.parametrize("value", [0.0, 3e38])
def test_zero_or_overflowing_embedding_names_the_checkpoint(tmp_path, value):
    state = torch.load(BUNDLED, weights_only=True)
    for name in ("embedding.conv.weight", "embedding.conv.bias"):
        state[name].fill_(value)
    torch.save(state, tmp_path / "broken.pth")
    embed = embedder_of(tmp_path / "broken.pth", device="cpu", precision="fp32")
    with pytest.raises(
        ModelError, match=r"broken\.pth: the network gave an embedding that is zero"
    ):
        embed(noise(2))


def test_model_is_told_as_it_is(embedder):
    assert embedder.model == {
        "name": MOBILEFACENET_RECORD.name,
        "architecture": "MobileFaceNet",
        "file": BUNDLED.name,
        "sha256": hashlib.sha256(BUNDLED.read_bytes()).hexdigest(),
        "source": MOBILEFACENET_RECORD.source,
        "licence": "MIT",
    }
    assert embedder.default_threshold == MOBILEFACENET_RECORD.threshold


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"checkpoint": Path("nowhere.pth")}, "no such weight file"),
        ({"device": "toaster"}, "no device is called 'toaster'"),
        ({"precision": "fp16", "device": "cpu"}, "fp16 needs a GPU"),
        ({"channel_order": "CMYK"}, "must be RGB or BGR"),
        ({"batch_size": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_loaded_is_a_model_error_of_one_line(settings, reason):
    with pytest.raises(ModelError, match=reason) as caught:
        embedder_of(**settings)
    assert "\n" not in str(caught.value)


def labelled_crops(detector, photos: int) -> tuple[np.ndarray, np.ndarray]:
    """Aligned crops of the first labelled photos and who is on each."""
    people = collections.defaultdict(list)
    with (SHARED_DATA / "album" / "labels.csv").open() as stream:
        for row in csv.DictReader(stream):
            box = [float(row[key]) for key in ("face_x", "face_y", "face_w", "face_h")]
            people[row["photo"]].append((row["person"], *box))
    crops, names = [], []
    for photo in sorted(people)[:photos]:
        picture = Image.open(SHARED_DATA / "album" / "photos" / photo).convert("RGB")
        found = detector(picture)
        centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        aligned = align_faces(picture, found.landmarks)
        for person, x, y, w, h in people[photo]:
            inside = np.all((centres > (x, y)) & (centres < (x + w, y + h)), axis=1)
            if inside.any():
                crops.append(aligned[inside.argmax()])
                names.append(person)
    return np.stack(crops), np.array(names)


def verification_accuracy(vectors: np.ndarray, names: np.ndarray) -> float:
    """Best balanced accuracy over thresholds, all pairs."""
    i, j = np.triu_indices(len(names), 1)
    similarity = (vectors[i] * vectors[j]).sum(1)
    same = names[i] == names[j]
    return max(
        ((similarity[same] > t).mean() + (similarity[~same] <= t).mean()) / 2
        for t in np.linspace(0.1, 0.6, 251)
    )


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_DATA.exists(), reason="optional labelled photos are not there")
def test_lower_precision_costs_no_accuracy(detector):
    crops, names = labelled_crops(detector, photos=250)
    exact = embedder_of(BUNDLED, device="cpu", precision="fp32")(crops).vectors
    chosen = embedder_of(BUNDLED, device="cpu")(crops).vectors
    assert (exact * chosen).sum(1).min() >= 0.999
    accuracy = verification_accuracy(exact, names)
    assert accuracy > 0.97
    if has_bf16_units():
        rough = embedder_of(BUNDLED, device="cpu", precision="bf16")(crops).vectors
        assert abs(verification_accuracy(rough, names) - accuracy) <= 0.001
