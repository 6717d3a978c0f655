"""The parts of a configuration say what the whole says."""

from dataclasses import fields
from pathlib import Path

import pytest

from grouping.config import DetectionSettings, EmbeddingSettings, GroupingConfig
from grouping.errors import ConfigError

OTHER = {
    **{"min_face": 40.0, "min_score": 0.5, "crowds": False, "checkpoint": Path("x.pth")},
    **{"device": "cpu", "precision": "fp32", "flip": False, "channel_order": "BGR"},
    **{"mean": 1.0, "scale": 2.0, "allow_cpu_fallback": True},
}


def test_the_parts_have_the_defaults_of_the_whole():
    assert GroupingConfig().detection == DetectionSettings()
    assert GroupingConfig().embedding == EmbeddingSettings()


@pytest.mark.parametrize("name", OTHER)
def test_every_setting_of_a_part_comes_from_the_whole(name):
    config = GroupingConfig(**{name: OTHER[name]})
    part = config.detection if hasattr(DetectionSettings, name) else config.embedding
    assert getattr(part, name) == OTHER[name]


def test_no_setting_of_a_part_is_forgotten_here():
    names = {f.name for part in (DetectionSettings, EmbeddingSettings) for f in fields(part)}
    assert names - set(OTHER) == {"batch_size"}  # no setting of a run


@pytest.mark.parametrize("flip", ["no", "", 1, None])
def test_mirror_images_are_wanted_or_not_or_where_they_pay(flip):
    for given in (True, False, "auto"):
        assert GroupingConfig(flip=given).flip == given
    with pytest.raises(ConfigError, match="flip must be True, False or 'auto'"):
        GroupingConfig(flip=flip)


def test_single_settings_are_changed_by_name():
    config = GroupingConfig(min_photos=3).with_settings(threshold=0.5)
    assert (config.min_photos, config.threshold) == (3, 0.5)
    with pytest.raises(ConfigError, match=r"unknown setting 'treshold'; known are .*threshold"):
        config.with_settings(treshold=0.4)
    with pytest.raises(ConfigError, match="min_photos"):
        config.with_settings(min_photos=0)
