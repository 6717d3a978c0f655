"""Photos that lie on a side or upside down without an orientation in their Exif.

MTCNN finds faces up to about 45 degrees off upright. In a photo turned by a quarter or a half it
finds few, with wrong landmarks that often look upright, and it is never certain of them: of 801
turned photos two had an upright face with a score of ``TRUSTED_SCORE``, and nine in ten upright
photos with a face have one. A photo without such a face is looked at from the three other sides,
small; if one side is clearly better it is searched from there at the usual scale, and if it is
better there again the photo counts as turned. Faces come out in the frame of the photo as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from grouping.faces.alignment import similarity_transforms
from grouping.faces.decoding import fitted_size
from grouping.faces.quality import alignment_error
from grouping.faces.search.detection import CascadeSettings
from grouping.records import Detections, Float32, Float64

# A face that shows at a glance which side is up. At a score of 0.995 thirty of the 801 turned
# photos would have one.
TRUSTED_SCORE = 0.999
TRUSTED_ROLL = 45.0  # degrees
TRUSTED_ERROR = 0.2  # of aligned landmarks, in eye distances
# From there on a face says nothing of which side is up.
HOPELESS_ROLL = 60.0
HOPELESS_ERROR = 0.3

# Scores are counted in nines: 0.9 counts nothing, 0.9999 and more counts one. What the cascade sees
# in an upside-down face has scores up to 0.998, so that sums of scores would hardly tell the sides.
LEAST_NINES, MOST_NINES = 1.0, 4.0

LOOK_SIDE = 320  # px, long side of the first look from the other sides
# Of the second, where a face is seen that is too small for the first: without it crowds are lost,
# and of photos without small faces none is gained.
CROWD_SIDE = 640
SMALLEST_SEEN = 20.0  # px of the image looked at
LEAST_UPRIGHTNESS = 0.3  # of a side that may win: about one face of score 0.99
# Times the uprightness of the photo as it is; 1.25 gives the same answers, 2 loses 7 of 89 photos
# that are upside down.
LEAD = 1.5

# Degrees clockwise, as Pillow counts the other way.
TURNS = {
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}

Search = Callable[[Sequence[Image.Image], Sequence[CascadeSettings]], list[Detections]]


@dataclass(frozen=True, eq=False)
class Found:
    """Faces of one photo.

    Attributes:
        faces: in the frame of the photo as it is; their landmarks begin with the eye that is
            left when the face is upright.
        rotation: degrees, 0, 90, 180 or 270, by which the photo has to be turned clockwise to
            show them upright.
    """

    faces: Detections
    rotation: int = 0


def look_around(
    search: Search, image: Image.Image, settings: CascadeSettings, seen: Detections
) -> Found:
    """Look at a photo from the other sides where it shows no face beyond doubt as it is.

    Args:
        search: the cascade.
        image: the image searched.
        settings: how it was searched.
        seen: all that the cascade saw in it, low scores too, in its pixels.

    Returns:
        ``seen``, or all that is seen from a better side.
    """
    if has_trusted_face(seen):
        return Found(seen)
    least = max(LEAST_UPRIGHTNESS, LEAD * uprightness(seen))
    rotation = _best_rotation(search, image, LOOK_SIDE, least)
    if not rotation and _smallest(seen) * LOOK_SIDE < SMALLEST_SEEN * max(image.size):
        rotation = _best_rotation(search, image, CROWD_SIDE, least)
    if not rotation:
        return Found(seen)
    better = search([turned(image, rotation)], [settings])[0]
    if uprightness(better) < least:
        return Found(seen)
    return Found(turned_back(better, rotation, image.size), rotation)


def has_trusted_face(faces: Detections) -> bool:
    """Whether a face shows beyond doubt that the photo is upright."""
    good = faces.scores >= TRUSTED_SCORE
    good &= np.abs(roll(faces.landmarks)) <= TRUSTED_ROLL
    return bool((good & (alignment_error(faces.landmarks) <= TRUSTED_ERROR)).any())


def uprightness(faces: Detections) -> float:
    """How many faces stand upright, each counted as far as it is certain."""
    tilt = (HOPELESS_ROLL - np.abs(roll(faces.landmarks))) / (HOPELESS_ROLL - TRUSTED_ROLL)
    error = alignment_error(faces.landmarks)
    fit = (HOPELESS_ERROR - error) / (HOPELESS_ERROR - TRUSTED_ERROR)
    return float((certainty(faces.scores) * np.clip(tilt, 0, 1) * np.clip(fit, 0, 1)).sum())


def certainty(scores: Float32) -> Float64:
    """Scores (n,) float32 counted in nines: (n,) float64 in [0, 1]."""
    doubt = np.maximum(1 - scores.astype(np.float64), 10.0 ** -(MOST_NINES + 1))
    share: Float64 = np.clip((-np.log10(doubt) - LEAST_NINES) / (MOST_NINES - LEAST_NINES), 0, 1)
    return share


def roll(landmarks: Float32) -> Float64:
    """Degrees clockwise by which faces are tilted, (n,) float64, from (n, 5, 2) float32.

    180 where all landmarks coincide.
    """
    linear = similarity_transforms(landmarks)[:, :, :2]
    degrees: Float64 = -np.degrees(np.arctan2(linear[:, 1, 0], linear[:, 0, 0]))
    return np.nan_to_num(degrees, nan=180.0)


def turned(image: Image.Image, rotation: int) -> Image.Image:
    """Turn an image clockwise by 0, 90, 180 or 270 degrees."""
    return image.transpose(TURNS[rotation]) if rotation else image


def turned_back(faces: Detections, rotation: int, size: tuple[int, int]) -> Detections:
    """Faces of a turned photo in the frame of the photo as it is.

    Args:
        faces: in pixels of the turned photo.
        rotation: degrees by which it was turned clockwise.
        size: (width, height) before that.
    """
    if not rotation:
        return faces
    # Sides of boxes are counted from 0 to the width, landmarks from pixel centre to pixel centre.
    corners = np.sort(_points_back(faces.boxes.reshape(-1, 2, 2), rotation, size), axis=1)
    centres = _points_back(faces.landmarks, rotation, (size[0] - 1, size[1] - 1))
    return Detections(corners.reshape(-1, 4), faces.scores, centres)


def _points_back(points: Float32, rotation: int, last: tuple[int, int]) -> Float32:
    """Turn (n, k, 2) float32 back; ``last``: the largest x and y of the photo as it is."""
    x, y = points[..., 0], points[..., 1]
    back = {90: (y, last[1] - x), 180: (last[0] - x, last[1] - y), 270: (last[0] - y, x)}
    return np.stack(back[rotation], -1).astype(np.float32)


def turned_quality(quality: Float32, scores: Float32, rotation: int) -> Float32:
    """Lower the quality (n,) float32 of a turned photo's faces: the uncertain found no group."""
    if not rotation:
        return quality
    lowered: Float32 = (quality * certainty(scores)).astype(np.float32)
    return lowered


def _best_rotation(search: Search, image: Image.Image, side: int, least: float) -> int:
    """The rotation after which a small copy of the photo shows most; 0 where none shows enough.

    Args:
        search: the cascade.
        image: the image searched.
        side: long side of the copy in pixels.
        least: uprightness that is enough.
    """
    small = image.resize(fitted_size(image.size, side), Image.Resampling.BOX)
    views = [turned(small, rotation) for rotation in TURNS]
    seen = search(views, [CascadeSettings(min_face=SMALLEST_SEEN)] * len(views))
    shown = dict(zip(TURNS, map(uprightness, seen), strict=True))
    best = max(shown, key=shown.__getitem__)
    return best if shown[best] >= least else 0


def _smallest(faces: Detections) -> float:
    """Side of the smallest box in pixels; infinite where there is none."""
    size = faces.boxes[:, 2:] - faces.boxes[:, :2]
    return float(size.max(1).min(initial=np.inf))
