"""Which crops' mirror images are looked at, against the network itself."""

import numpy as np
import pytest
import torch

from backbone.runtime.self_check import sample_crops
from backbone.weights.known_files import (
    CHECKPOINT_FOLDER,
    IR50_RECORD,
    MOBILEFACENET_RECORD,
    FaceSign,
)
from grouping.config import EmbeddingSettings
from grouping.faces.embedding.embedder import Embedder, load_embedder
from grouping.faces.embedding.mirror import ALL, DOUBTFUL, NONE, known_flip, mirrored_crops
from grouping.faces.embedding.recognisability import (
    IN_DOUBT,
    NOT_IN_DOUBT,
    Recognisability,
    embed_raw,
    pictures_of_nobody,
)
from grouping.records import FIRST_LIKENESS, RECOGNITION_SIGNS
from tests.grouping.faces.embedding.test_recognisability import column, exact, plain_network
from tests.helpers.paths import SHARED_DATA

BUNDLED = CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name
EDGEFACE = SHARED_DATA.parent / "weights" / "edgeface_xs_fp32.safetensors"
STEPS = 25  # from a face to nobody


class Counting:
    """The runner of an embedder that counts the crops it is shown."""

    def __init__(self, runner):
        self.runner, self.seen = runner, 0
        self.input_size, self.dimension = runner.input_size, runner.dimension

    def __call__(self, crops):
        self.seen += len(crops)
        return self.runner(crops)


@pytest.fixture(scope="module")
def bundled():
    return exact(BUNDLED)


@pytest.fixture(scope="module")
def crops():
    """Two faces that turn step by step into smooth noise."""
    nobody = pictures_of_nobody(sample_crops())["noise"][:2].astype(float)
    shares = np.linspace(0, 1, STEPS)
    rows = [(1 - share) * sample_crops() + share * nobody for share in shares]
    return np.concatenate(rows).astype(np.uint8)


@pytest.fixture
def doubting(bundled):
    """The bundled network, as one of which mirror images change little is used."""
    told = bundled.recognisability
    return Embedder(Counting(bundled._runner), bundled.model, 0.38, DOUBTFUL, told)


@pytest.mark.parametrize(
    ("flip", "record", "expected"),
    [
        ("auto", MOBILEFACENET_RECORD, True),
        ("auto", IR50_RECORD, "auto"),
        ("auto", None, "auto"),
        (False, MOBILEFACENET_RECORD, False),
        (True, None, True),
    ],
)
def test_what_was_measured_decides_where_nobody_does(flip, record, expected):
    assert known_flip(flip, record) == expected


@pytest.mark.parametrize(
    ("flip", "sign", "agreement", "expected"),
    [
        ("auto", "norm", 0.98, ALL),
        ("auto", "agreement", 0.98, ALL),
        ("auto", "norm", 0.995, NONE),
        ("auto", "none", 0.995, NONE),
        ("auto", "agreement", 0.995, DOUBTFUL),
        ("auto", "agreement", None, ALL),
        ("auto", "agreement", float("nan"), ALL),
        (True, "norm", 0.995, ALL),
        (False, "agreement", 0.98, NONE),
    ],
)
def test_a_network_that_mirror_images_change_is_shown_them(flip, sign, agreement, expected):
    told = Recognisability(FaceSign(sign), np.zeros((5, 4), np.float32), agreement)
    assert mirrored_crops(flip, told) == expected


def test_the_bundled_network_is_shown_all_by_itself(crops, bundled):
    assert bundled.mirrored == ALL
    asked = exact(BUNDLED, flip=True)(crops)
    np.testing.assert_array_equal(bundled(crops).vectors, asked.vectors)
    np.testing.assert_array_equal(bundled(crops).signs, asked.signs)


def test_only_crops_in_doubt_get_their_mirror_image(bundled, doubting, crops):
    network = plain_network(BUNDLED)
    plain, mirror = network(crops), network(np.ascontiguousarray(crops[:, :, ::-1]))
    unit = torch.nn.functional.normalize(plain).numpy()
    nearest = (unit @ bundled.recognisability.directions.T).max(axis=1)
    weight = np.clip((nearest - NOT_IN_DOUBT) / (IN_DOUBT - NOT_IN_DOUBT), 0, 1)
    assert weight[0] == 0
    assert (weight[-2:] == 1).all()
    given = doubting(crops)
    assert doubting._runner.seen == len(crops) + (weight > 0).sum()
    both = torch.nn.functional.normalize(plain + torch.tensor(weight)[:, None] * mirror)
    assert np.abs(given.vectors - both.numpy()).max() < 1e-4
    agreement = 1 - weight * (1 - torch.cosine_similarity(plain, mirror).numpy())
    assert column(given.signs, "agreement") == pytest.approx(agreement, abs=1e-4)
    assert column(given.signs, "norm") == pytest.approx(plain.norm(dim=1).numpy(), rel=1e-5)
    likeness = both.numpy() @ bundled.recognisability.directions.T
    assert given.signs[:, FIRST_LIKENESS:] == pytest.approx(likeness, abs=1e-4)


def test_no_row_depends_on_the_others_where_doubt_begins_either(doubting, crops):
    doubt = doubting.recognisability.doubt(embed_raw(doubting._runner, crops[::2], False))
    first = int(np.argmax(doubt > 0))  # of the first face and its way to nobody
    share = np.linspace(max(first - 1, 0), first, 20)[:, None, None, None] / (STEPS - 1)
    face, nobody = crops[0].astype(float), crops[-2].astype(float)
    fine = ((1 - share) * face + share * nobody).astype(np.uint8)
    weight = doubting.recognisability.doubt(embed_raw(doubting._runner, fine, False))
    assert ((weight > 0) & (weight < 1)).sum() >= 2
    whole = doubting(fine)
    for row in range(len(fine)):
        alone = doubting(fine[row : row + 1])
        assert np.abs(alone.vectors - whole.vectors[row]).max() < 1e-4
        assert np.abs(alone.signs - whole.signs[row]).max() < 1e-3
    back = doubting(fine[::-1])
    assert np.abs(back.vectors[::-1] - whole.vectors).max() < 1e-4


def test_no_crops_are_in_no_doubt(doubting):
    given = doubting(np.zeros((0, 112, 112, 3), np.uint8))
    assert given.vectors.shape == (0, 512)
    assert given.signs.shape == (0, len(RECOGNITION_SIGNS))


def test_edgeface_is_shown_those_in_doubt(crops):
    if not EDGEFACE.exists():
        pytest.skip(f"no optional weights {EDGEFACE}")
    itself, without, everything = (exact(EDGEFACE, flip=f) for f in ("auto", False, True))
    assert (itself.mirrored, everything.mirrored, without.mirrored) == (DOUBTFUL, ALL, NONE)
    given = itself(crops)
    assert np.abs(given.vectors[0] - without(crops).vectors[0]).max() < 1e-5
    assert np.abs(given.vectors[-2:] - everything(crops).vectors[-2:]).max() < 1e-5
    assert (column(given.signs, "recognisable")[:2] == 1).all()
    last = column(everything(crops).signs, "recognisable")[-2:]
    assert column(given.signs, "recognisable")[-2:] == pytest.approx(last, abs=1e-5)


def test_an_unmeasured_network_decides_by_itself(tmp_path):
    from tests.helpers.networks.checkpoints import random_network

    path = tmp_path / "untrained.pth"
    torch.save(random_network("EdgeFace-XXS").state_dict(), path)
    itself = load_embedder(EmbeddingSettings(path, device="cpu", precision="fp32"))
    network = plain_network(path)
    faces = sample_crops()
    mirror = network(np.ascontiguousarray(faces[:, :, ::-1]))
    agreement = float(torch.cosine_similarity(network(faces), mirror).mean())
    assert itself.recognisability.portraits_agree == pytest.approx(agreement, abs=1e-4)
    assert (itself.mirrored == ALL) == (agreement < 0.99)
