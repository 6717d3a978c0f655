"""A photo with a face that is smaller than the smallest one looked for."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from tests.helpers.paths import PHOTOS

SIZE = (1500, 1000)
CORNER = (900, 400)
SHRUNK = 4  # times
# Where Obama's face is in the photo that is pasted in, x1, y1, x2, y2.
FACE = (150, 176, 357, 475)
BOX = tuple(c + v // SHRUNK for c, v in zip(CORNER * 2, FACE, strict=True))


# With which it is missed, and the faces of other sample photos are found.
MISSING_IT = {"min_face": 180.0, "crowds": False}


def missed_face_photo(name: str = "president_obama_2.jpg", orientation: int = 1) -> bytes:
    """A JPEG of a person far away; the box of the face is ``BOX`` where the photo is upright.

    ``orientation`` is the Exif one to store it with; the photo looks the same with all of them.
    """
    grey = np.linspace(90, 150, SIZE[0], dtype=np.uint8)
    image = Image.fromarray(np.broadcast_to(grey[None, :, None], (SIZE[1], SIZE[0], 3)).copy())
    draw = ImageDraw.Draw(image)
    draw.rectangle((100, 700, 700, 950), fill=(60, 80, 50))
    with Image.open(PHOTOS / name) as whole:
        image.paste(whole.convert("RGB").reduce(SHRUNK), CORNER)
    return stored(image, orientation)


def stored(upright: Image.Image, orientation: int) -> bytes:
    """A JPEG that looks like an upright image, its pixels turned and flipped as Exif says."""
    undo = {6: 8, 8: 6}.get(orientation, orientation)
    exif = Image.Exif()
    exif[0x0112] = undo
    marked = upright.copy()
    buffer = io.BytesIO()
    marked.save(buffer, "JPEG", quality=95, exif=exif)
    turned = ImageOps.exif_transpose(Image.open(buffer))
    exif[0x0112] = orientation
    result = io.BytesIO()
    turned.save(result, "JPEG", quality=95, exif=exif)
    return result.getvalue()
