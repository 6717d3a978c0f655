"""A face network that an earlier run has kept is the network of its weights."""

import logging

import numpy as np
import pytest

from backbone.runtime.prepared_files import cache_folder
from backbone.runtime.processor import has_bf16_units
from backbone.weights.known_files import default_checkpoint, file_digest
from grouping.config import EmbeddingSettings
from grouping.errors import ModelError
from grouping.faces.embedding import prepared_embedder
from grouping.faces.embedding.embedder import load_embedder
from grouping.faces.embedding.prepared_embedder import is_ready, load_prepared_embedder
from tests.helpers.networks.checkpoints import write_small_checkpoint

CROPS = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FACE_GROUPING_CACHE", str(tmp_path / "kept"))


@pytest.fixture(scope="module")
def weights():
    path = default_checkpoint()
    return path, file_digest(path)


@pytest.mark.parametrize(
    ("mine", "precision"), [(False, "auto"), (False, "bf16"), (True, "auto"), (True, "bf16")]
)
def test_what_was_kept_embeds_as_what_was_loaded(weights, mine, precision, tmp_path, monkeypatch):
    if precision == "bf16" and not has_bf16_units():
        pytest.skip("the CPU has no bfloat16 units")
    if mine:
        path = write_small_checkpoint(tmp_path / "mine.pth")
        weights = path, file_digest(path)
    settings = EmbeddingSettings(checkpoint=weights[0], device="cpu", precision=precision)
    plain = load_embedder(settings)
    assert not is_ready(settings, *weights)
    first = load_prepared_embedder(settings, *weights)
    assert is_ready(settings, *weights)

    def never(*_):
        raise AssertionError("read again")

    monkeypatch.setattr("grouping.faces.embedding.embedder.load_embedder", never)
    second = load_prepared_embedder(settings, *weights)
    expected = plain(CROPS)
    for embedder in (first, second):
        given = embedder(CROPS)
        np.testing.assert_array_equal(given.vectors, expected.vectors)
        np.testing.assert_array_equal(given.signs, expected.signs)
        assert embedder.model == plain.model
        assert embedder.default_threshold == plain.default_threshold
        assert (embedder.device, embedder.precision) == (plain.device, plain.precision)


def test_other_settings_and_other_weights_are_other_networks(weights):
    path, digest = weights
    settings = EmbeddingSettings(checkpoint=path, device="cpu")
    load_prepared_embedder(settings, *weights)
    assert not is_ready(EmbeddingSettings(checkpoint=path, device="cpu", mean=1.0), path, digest)
    assert not is_ready(settings, path, "0" * 64)


def test_what_is_warned_of_is_said_by_each_run_and_once_in_it(tmp_path, caplog):
    path = write_small_checkpoint(tmp_path / "mine.pth")
    weights = path, file_digest(path)
    settings = EmbeddingSettings(checkpoint=path, device="cpu", scale=1e6)
    for announced, times in ((False, 1), (False, 1), (True, 0)):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            load_prepared_embedder(settings, *weights, announced=announced)
        assert caplog.text.count("two different people") == times


def test_notes_of_other_code_are_not_believed(weights, monkeypatch):
    settings = EmbeddingSettings(checkpoint=weights[0], device="cpu")
    with monkeypatch.context() as patch:
        patch.setattr(prepared_embedder, "_notes", lambda _: {"sign": "odd"})
        load_prepared_embedder(settings, *weights)
    np.testing.assert_array_equal(
        load_prepared_embedder(settings, *weights)(CROPS).vectors,
        load_embedder(settings)(CROPS).vectors,
    )


def test_a_device_that_is_not_there_is_said(weights):
    settings = EmbeddingSettings(checkpoint=weights[0], device="cuda:99")
    with pytest.raises(ModelError, match="no device"):
        load_prepared_embedder(settings, *weights)
    assert cache_folder() is not None
    assert not list(cache_folder().iterdir())
