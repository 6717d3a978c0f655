"""What the network tells of a crop, against the network itself and on pictures of nobody."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from backbone.runtime.self_check import sample_crops
from backbone.weights.known_files import CHECKPOINT_FOLDER, MOBILEFACENET_RECORD, FaceSign
from backbone.weights.loading import load_weights
from grouping.config import EmbeddingSettings
from grouping.faces.embedding.embedder import load_embedder
from grouping.faces.embedding.recognisability import (
    NOBODY_KINDS,
    Recognisability,
    embed_raw,
    measure_recognisability,
    pictures_of_nobody,
)
from grouping.records import RECOGNITION_SIGNS
from tests.helpers.networks.checkpoints import random_network
from tests.helpers.paths import SHARED_DATA

BUNDLED = CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name
EDGEFACE = SHARED_DATA.parent / "weights" / "edgeface_xs_fp32.safetensors"


def plain_network(path):
    """crops -> raw embeddings, by the module as it was loaded and torch alone."""
    loaded = load_weights(path)
    pre = loaded.record.preprocessing

    def embed(crops):
        pixels = crops[..., ::-1] if pre.channel_order == "BGR" else crops
        x = torch.tensor(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float()
        with torch.inference_mode():
            return loaded.module((x - pre.mean) / pre.scale).double()

    return embed


def exact(path, **settings):
    return load_embedder(EmbeddingSettings(path, device="cpu", precision="fp32", **settings))


def column(signs, name):
    return signs[:, RECOGNITION_SIGNS.index(name)]


@pytest.fixture(scope="module")
def bundled():
    return exact(BUNDLED)


@pytest.fixture(scope="module")
def crops():
    """Two faces, and each blurred more and more."""
    faces = [Image.fromarray(face) for face in sample_crops()]
    rows = [f.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 2, 5, 10) for f in faces]
    return np.stack([np.asarray(row) for row in rows])


def test_signs_are_those_of_a_plain_computation(bundled, crops):
    network = plain_network(BUNDLED)
    plain, mirror = network(crops), network(np.ascontiguousarray(crops[:, :, ::-1]))
    given = bundled(crops)
    vectors = torch.nn.functional.normalize(plain + mirror)
    assert np.abs(given.vectors - vectors.numpy()).max() < 1e-5
    norm = plain.norm(dim=1).numpy()
    assert column(given.signs, "norm") == pytest.approx(norm, rel=1e-5)
    agreement = torch.cosine_similarity(plain, mirror).numpy()
    assert column(given.signs, "agreement") == pytest.approx(agreement, abs=1e-5)
    factor = np.clip((norm - 1.8) / (2.8 - 1.8), 0, 1)
    assert column(given.signs, "recognisable") == pytest.approx(factor, abs=1e-5)
    for kind, pictures in pictures_of_nobody(sample_crops()).items():
        if kind in NOBODY_KINDS:
            both = network(pictures) + network(np.ascontiguousarray(pictures[:, :, ::-1]))
            direction = torch.nn.functional.normalize(
                torch.nn.functional.normalize(both).mean(0), dim=0
            )
            expected = (vectors @ direction).numpy()
            assert column(given.signs, f"like_{kind}") == pytest.approx(expected, abs=1e-5)


def test_blurred_faces_are_nobodys(bundled, crops):
    signs = bundled(crops).signs
    assert (column(signs, "recognisable")[:2] == 1).all()
    assert (column(signs, "recognisable")[-2:] < 0.7).all()
    assert column(signs, "like_blurred")[-2:].min() > 0.8
    assert np.abs(signs[:2, 3:]).max() < 0.25


def test_columns_are_the_kinds_of_nobody():
    likes = [name for name in RECOGNITION_SIGNS if name.startswith("like_")]
    assert likes == [f"like_{kind}" for kind in NOBODY_KINDS]


def test_what_is_derived_is_near_what_was_chosen_by_hand(bundled):
    derived = measure_recognisability(bundled._runner, sample_crops(), mirrored=True)
    by_hand = MOBILEFACENET_RECORD.face_sign
    assert bundled.recognisability.sign is by_hand
    assert derived.sign.name == by_hand.name == "norm"
    assert derived.sign.low == pytest.approx(by_hand.low, abs=0.25)
    assert derived.sign.high == pytest.approx(by_hand.high, abs=0.1)
    np.testing.assert_array_equal(derived.directions, bundled.recognisability.directions)


def test_without_mirror_images_nothing_is_said_of_them(crops):
    given = exact(BUNDLED, flip=False)(crops)
    assert (column(given.signs, "agreement") == 1).all()
    norm = plain_network(BUNDLED)(crops).norm(dim=1).numpy()
    assert column(given.signs, "norm") == pytest.approx(norm, rel=1e-5)


@pytest.mark.parametrize(
    ("architecture", "flip"),
    [("MobileFaceNet", "auto"), *(("EdgeFace-XXS", flip) for flip in (True, False, "auto"))],
)
def test_an_untrained_network_is_taken_too(tmp_path, crops, architecture, flip):
    path = tmp_path / "untrained.pth"
    torch.save(random_network(architecture).state_dict(), path)
    given = exact(path, flip=flip)(crops)
    assert np.isfinite(given.signs).all()
    factor = column(given.signs, "recognisable")
    assert ((factor >= 0) & (factor <= 1)).all()


def test_a_network_that_gives_nothing_has_no_directions_and_no_sign():
    measured = measure_recognisability(
        lambda crops: np.zeros((len(crops), 8), np.float32), sample_crops(), mirrored=True
    )
    assert measured.sign == FaceSign("none")
    assert measured.directions.shape == (5, 8)
    assert not measured.directions.any()


@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        (FaceSign("norm", 1, 3), [0, 0.5, 1]),
        (FaceSign("agreement", 0.9, 1.0), [1, 0.5, 0]),
        (FaceSign("none"), [1, 1, 1]),
    ],
)
def test_the_sign_of_the_network_decides(sign, expected):
    told = Recognisability(sign, np.zeros((5, 4), np.float32))
    factor = told.factor(np.array([0.5, 2, 7]), np.array([1.0, 0.95, 0.2]))
    assert factor == pytest.approx(expected)


def test_no_crops_have_no_signs(bundled):
    raw = embed_raw(bundled._runner, np.zeros((0, 112, 112, 3), np.uint8), mirrored=True)
    assert bundled.recognisability.signs(raw, raw.sums).shape == (0, len(RECOGNITION_SIGNS))


def test_edgeface_is_told_by_agreement(crops):
    if not EDGEFACE.exists():
        pytest.skip(f"no optional weights {EDGEFACE}")
    embedder = exact(EDGEFACE, flip=True)
    sign = embedder.recognisability.sign
    assert sign.name == "agreement"
    assert (sign.low, sign.high) == pytest.approx((0.977, 0.986), abs=0.001)
    assert embedder.default_threshold == 0.30
    signs = embedder(crops).signs
    assert (column(signs, "recognisable")[:2] == 1).all()
    assert column(signs, "like_blurred")[-2:].min() > 0.8
    assert np.abs(signs[:2, 3:]).max() < 0.25
    assert (column(exact(EDGEFACE, flip=False)(crops).signs, "recognisable") == 1).all()
