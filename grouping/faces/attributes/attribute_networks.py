"""Age and gender of faces, from their aligned crops; never used for grouping.

An impression from pixels, not a fact about a person: the networks were trained on labelled web
photos, know two genders and ages to 80, and are wrong more often for children and for people unlike
those they were trained on. docs/ask.md has the figures that can be had without knowing the truth.

The networks want faces as dlib cuts them: a square in which the eyes lie a little higher and
closer together than in an ArcFace crop. It is cut out of the crop that is there already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from grouping.errors import InputError
from grouping.faces.alignment import CROP_SIDE
from grouping.faces.attributes.attribute_models import (
    AGE_RECORD,
    GENDER_RECORD,
    INPUT,
    OUTPUT,
    PACKAGE_VERSION,
    AttributeRecord,
    model_folder,
    open_session,
)
from grouping.records import FaceAttributes, Float32, UInt8

# dlib's chip (padding 0.2) in an aligned crop, by dlib's own landmarks on 103 faces of press
# photos: side and centre in pixels (medians; half of the faces are within 3 and 1 of them). Bicubic
# resampling came closest to the answers that dlib's own chips get, on the same faces.
CHIP_SIDE, CHIP_CENTRE = 90.9, (55.6, 71.1)
CHIN = 8  # rows below the crop, filled with its last one: a chip ends 5 px below
# Of the networks' input: subtracted from R, G and B in 0..255, then divided by.
MEANS, SCALE = (122.781998, 117.000999, 104.297997), 256.0
BATCH = 64  # faces in one pass
# Years that the classes of the age network stand for; the first is below one.
YEARS = np.array([0.25, *range(1, AGE_RECORD.classes)], np.float32)

VERSION = 1  # raise it when a change here changes what a face gives


class AttributeNetworks:
    """Crops in, age and gender out; loaded once, used by any thread.

    Args:
        folder: where the two files are; by default that of the installed package.

    Raises:
        ModelError: the extra is not installed, or its files are others.
    """

    key = hashlib.sha256(
        f"{AGE_RECORD.sha256} {GENDER_RECORD.sha256} {VERSION}".encode()
    ).hexdigest()  # of all that the answers depend on

    info: Mapping[str, str] = {
        "package": f"{PACKAGE_VERSION} (MIT; networks of dlib-models, CC0)",
        "age_sha256": AGE_RECORD.sha256,
        "gender_sha256": GENDER_RECORD.sha256,
    }

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or model_folder()
        self._age = open_session(AGE_RECORD, folder)
        self._gender = open_session(GENDER_RECORD, folder)

    def __call__(self, crops: UInt8) -> FaceAttributes:
        """Return what faces seem to be.

        Args:
            crops: (n, 112, 112, 3) uint8 RGB, aligned.

        Raises:
            InputError: ``crops`` are something else.
        """
        if crops.dtype != np.uint8 or crops.shape[1:] != (CROP_SIDE, CROP_SIDE, 3):
            raise InputError(
                f"crops must be uint8 of shape (n, {CROP_SIDE}, {CROP_SIDE}, 3), "
                f"got {crops.dtype} of shape {crops.shape}"
            )
        parts = [crops[start : start + BATCH] for start in range(0, len(crops), BATCH)]
        if not parts:
            return FaceAttributes.unknown(0)
        ages = [_probabilities(self._age, AGE_RECORD, part) @ YEARS for part in parts]
        males = [_probabilities(self._gender, GENDER_RECORD, part)[:, 1] for part in parts]
        return FaceAttributes(np.concatenate(ages), np.concatenate(males))


@lru_cache(maxsize=1)
def shared_networks() -> AttributeNetworks:
    """Return the networks of this process, loaded at the first use.

    Raises:
        ModelError: they cannot be loaded; the next call tries again.
    """
    return AttributeNetworks()


def chips_of(crops: UInt8, side: int) -> UInt8:
    """Cut the networks' view out of aligned crops.

    Args:
        crops: (n, 112, 112, 3) uint8 RGB.
        side: of the chips, pixels.

    Returns:
        (n, side, side, 3) uint8 RGB.
    """
    padded = np.pad(crops, ((0, 0), (0, CHIN), (0, 0), (0, 0)), mode="edge")
    # Pillow's boxes count from the corner of the first pixel, places in a crop from its centre.
    left, top = (middle + 0.5 - CHIP_SIDE / 2 for middle in CHIP_CENTRE)
    box = (left, top, left + CHIP_SIDE, top + CHIP_SIDE)
    how = Image.Resampling.BICUBIC
    chips = [Image.fromarray(crop).resize((side, side), how, box) for crop in padded]
    return np.stack([np.asarray(chip) for chip in chips])


def _probabilities(session: Any, record: AttributeRecord, crops: UInt8) -> Float32:
    """(n, classes) float32 of one network, from (n, 112, 112, 3) uint8 RGB, n > 0."""
    chips = chips_of(crops, record.side).astype(np.float32)
    values = (chips - np.array(MEANS, np.float32)) / np.float32(SCALE)
    batch = np.ascontiguousarray(values.transpose(0, 3, 1, 2))
    (given,) = session.run([OUTPUT], {INPUT: batch})
    probabilities: Float32 = given
    return probabilities
