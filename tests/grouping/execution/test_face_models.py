"""Cache keys stay what they were, and networks are shared by configurations that agree on them."""

import pytest

from backbone.weights.known_files import IR50_RECORD
from grouping.config import EmbeddingSettings, GroupingConfig
from grouping.errors import ModelError
from grouping.execution.face_models import model_key_of, shared_models

# What this version writes into caches, with the bundled network.
DETECTOR = "1293cd6876292367ac43b80b475a0074c93689629ac515d9ba8c02b9c1d6148c"
MODEL = "d1ca4c0ad18417f95353a8ba01b04abd497aff8afd4972b8d3e68d240ad19a9c"


@pytest.mark.parametrize(
    ("settings", "detector", "model"),
    [
        ({}, DETECTOR, MODEL),
        ({"device": "cpu", "precision": "fp32", "allow_cpu_fallback": True}, DETECTOR, MODEL),
        ({"flip": True}, DETECTOR, MODEL),  # what the bundled network does by itself
        (
            {"min_face": 30, "min_score": 0.8, "crowds": False},
            "52ae5bf674a7956bbe9e3dfe89d3784c00fd4f4050fdb04c1213dafd80962b41",
            MODEL,
        ),
        (
            {"flip": False, "mean": 127.5, "scale": 128.0, "channel_order": "BGR"},
            DETECTOR,
            "0cba6947c3b40d8a201ce699b24e3c1afc3be7c63104391d5ab75e734cc96057",
        ),
    ],
)
def test_caches_of_this_version_stay_valid(bundled, settings, detector, model):
    models = shared_models(GroupingConfig(checkpoint=bundled, **settings))
    assert (models.detector_key, models.model_key) == (detector, model)


@pytest.mark.parametrize("digest", ["0" * 64, IR50_RECORD.sha256])
def test_a_network_that_decides_by_itself_has_a_key_of_its_own(digest):
    keys = {model_key_of(digest, EmbeddingSettings(flip=flip)) for flip in (True, False, "auto")}
    assert len(keys) == 3


@pytest.fixture
def bundled():
    from backbone.weights.known_files import CHECKPOINT_FOLDER, MOBILEFACENET_RECORD

    return CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name


@pytest.mark.parametrize(
    "settings",
    [
        {"cluster": "hdbscan", "threshold": 0.5, "min_photos": 3, "workers": 2},
        {"one_face_per_photo": False, "allow_same_face": False},
    ],
)
def test_settings_of_the_grouping_load_nothing_twice(settings):
    assert shared_models(GroupingConfig(**settings)) is shared_models(GroupingConfig())


@pytest.mark.parametrize(
    "settings", [{"min_face": 40}, {"crowds": False}, {"flip": False}, {"device": "cpu"}]
)
def test_settings_of_the_networks_have_networks_of_their_own(settings):
    assert shared_models(GroupingConfig(**settings)) is not shared_models(GroupingConfig())


def test_a_missing_checkpoint_is_a_model_error(tmp_path):
    models = shared_models(GroupingConfig(checkpoint=tmp_path / "gone.pth"))
    with pytest.raises(ModelError, match=r"gone\.pth cannot be read"):
        _ = models.model_key


def test_no_checkpoint_at_all_is_a_model_error(tmp_path, monkeypatch):
    monkeypatch.setenv("FACE_GROUPING_CHECKPOINT", str(tmp_path / "gone.pth"))
    models = shared_models(GroupingConfig(min_face=77))  # none that another test has asked for
    with pytest.raises(ModelError, match="FACE_GROUPING_CHECKPOINT"):
        models.check()
