"""Cache keys stay what they were, and networks are shared by configurations that agree on them."""

import pytest

from grouping.config import GroupingConfig
from grouping.errors import ModelError
from grouping.execution.face_models import shared_models

# What version 0.1.0 wrote into caches, with the bundled network.
DETECTOR = "05e400263ee4fc862f06c4410b7fe4b4905b2c9469e05fce4e7b088fe6c9c7ce"
MODEL = "715a3afbc076956b40a7657f7eb6963d4984135f6031df687403cc1d73ea50c8"


@pytest.mark.parametrize(
    ("settings", "detector", "model"),
    [
        ({}, DETECTOR, MODEL),
        ({"device": "cpu", "precision": "fp32", "allow_cpu_fallback": True}, DETECTOR, MODEL),
        (
            {"min_face": 30, "min_score": 0.8, "crowds": False},
            "66d82013623a28150d3786ba6a49458241aaceac118a2e74f34e5a99ac569ddb",
            MODEL,
        ),
        (
            {"flip": False, "mean": 127.5, "scale": 128.0, "channel_order": "BGR"},
            DETECTOR,
            "d3f3c9e8daab68c7790a3783e65cd14cace519aa639f159b2db6f9239db2b65d",
        ),
    ],
)
def test_caches_of_earlier_versions_stay_valid(bundled, settings, detector, model):
    models = shared_models(GroupingConfig(checkpoint=bundled, **settings))
    assert (models.detector_key, models.model_key) == (detector, model)


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
