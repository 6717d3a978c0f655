"""Small pictures of a decoded photo."""

from io import BytesIO

import numpy as np
from PIL import Image

from grouping.faces.decoding import decode_photo
from grouping.faces.pictures.small_pictures import PREVIEW_SIDE, small_pictures


def pixels(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as picture:
        assert picture.format == "JPEG"
        return np.asarray(picture.convert("RGB"), np.float32)


def test_preview_and_crops_look_like_what_they_were_made_of(photos):
    photo = decode_photo((photos / "president_biden.jpg").read_bytes()).image
    photo = photo.resize((photo.width * 2, photo.height * 2))
    smooth = photo.resize((14, 14)).resize((112, 112), Image.Resampling.BICUBIC)
    crops = np.asarray(smooth)[None]
    made = small_pictures(photo, np.concatenate([crops, 255 - crops]))
    shown = pixels(made.preview)
    assert max(shown.shape) == PREVIEW_SIDE
    averaged = np.asarray(photo.resize(shown.shape[1::-1], Image.Resampling.BOX), np.float32)
    assert np.abs(shown - averaged).mean() < 3
    assert len(made.crops) == 2
    assert np.abs(pixels(made.crops[0]) - crops[0]).mean() < 3
    assert np.abs(pixels(made.crops[1]) - (255 - crops[0])).mean() < 3


def test_a_small_photo_is_not_enlarged_and_may_have_no_face():
    made = small_pictures(Image.new("RGB", (50, 30), "red"), np.zeros((0, 112, 112, 3), np.uint8))
    assert pixels(made.preview).shape == (30, 50, 3)
    assert made.crops == ()
