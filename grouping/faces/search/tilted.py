"""Faces tilted far to a side: cut out, turned upright by their own landmarks and searched again.

The cascade finds faces that are tilted by up to about 60 degrees, but learnt on upright ones: from
about 30 degrees on their landmarks, and all that follows from them, are off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from grouping.boxes import box_iou
from grouping.faces.quality import alignment_error
from grouping.faces.search.detection import CascadeSettings
from grouping.faces.search.turned import TRUSTED_ERROR, Found, Search, roll
from grouping.records import Detections, Float32, Float64

TILTED = 30.0  # degrees from the side that the photo was searched from
# In a photo searched from another side that side is a guess to the next quarter turn.
TILTED_WHERE_TURNED = 15.0
REACH = 3.0  # side of the patch in sides of the box
PATCH_SIDE = 144  # px a side of the patch that is searched; the face is about 48 of them
SMALLEST_SEEN = 24.0  # px of the patch
CLEAR_SCORE = 0.995  # of a face that may take the place of the tilted one
SAME_PLACE = 0.4  # intersection over union of the two


def straighten(search: Search, image: Image.Image, found: Found, min_score: float) -> Found:
    """Return the faces with better ones in the place of those that are tilted far.

    Args:
        search: the cascade.
        image: the image searched, as it is.
        found: what was seen in it, from the side that is up.
        min_score: fainter detections are left as they are.
    """
    faces = found.faces
    rolls = roll(faces.landmarks)
    off = (rolls + found.rotation + 180) % 360 - 180
    limit = TILTED_WHERE_TURNED if found.rotation else TILTED
    tilted = np.flatnonzero((np.abs(off) > limit) & (faces.scores >= min_score))
    patches = [_Patch.around(faces.boxes[k], float(rolls[k])) for k in tilted]
    if not patches:
        return found
    settings = [CascadeSettings(min_face=SMALLEST_SEEN)] * len(patches)
    seen = search([patch.cut(image) for patch in patches], settings)
    for face, patch, again in zip(tilted.tolist(), patches, seen, strict=True):
        faces = _with_better(faces, face, patch, again, image.size)
    return Found(faces, found.rotation)


def _with_better(
    faces: Detections, face: int, patch: _Patch, again: Detections, size: tuple[int, int]
) -> Detections:
    """Return the faces, one of them as it is seen in its patch where that is clear."""
    good = (again.scores >= CLEAR_SCORE) & (np.abs(roll(again.landmarks)) < TILTED)
    again = patch.moved_back(again[good & (alignment_error(again.landmarks) <= TRUSTED_ERROR)])
    again = Detections(
        np.clip(again.boxes, 0, np.tile(size, 2)).astype(np.float32), again.scores, again.landmarks
    )
    place = box_iou(again.boxes, faces.boxes[face : face + 1])[:, 0]
    if not len(place) or place.max() < SAME_PLACE:
        return faces
    best = int(place.argmax())
    boxes, scores, landmarks = faces.boxes.copy(), faces.scores.copy(), faces.landmarks.copy()
    boxes[face], landmarks[face] = again.boxes[best], again.landmarks[best]
    scores[face] = again.scores[best]
    return Detections(boxes, scores, landmarks)


@dataclass(frozen=True, eq=False)
class _Patch:
    """A square of a photo, turned.

    Attributes:
        matrix: (2, 3) float64, from pixels of the patch to pixels of the photo, both counted from
            the centre of the first.
    """

    matrix: Float64

    @classmethod
    def around(cls, box: Float32, tilt: float) -> _Patch:
        """Return ``REACH`` times a box (4,) in which a face tilted clockwise stands upright."""
        centre = (box[:2] + box[2:]) / 2 - 0.5
        step = REACH * float(np.sqrt(np.prod(box[2:] - box[:2]))) / PATCH_SIDE
        c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
        linear = step * np.array([[c, -s], [s, c]])
        middle = np.full(2, (PATCH_SIDE - 1) / 2)
        return cls(np.column_stack([linear, centre - linear @ middle]))

    def cut(self, image: Image.Image) -> Image.Image:
        """Return the patch; what is outside of the photo is black."""
        linear, shift = self.matrix[:, :2], self.matrix[:, 2]
        factor = max(1, int(np.hypot(*linear[:, 0])))
        spots = _CORNERS @ linear.T + shift
        low = np.maximum(np.floor(spots.min(0)) - 2 * factor, 0).astype(int)
        high = np.minimum(np.ceil(spots.max(0)) + 2 * factor, image.size).astype(int)
        part = image.crop((*low.tolist(), *np.maximum(high, low + 1).tolist()))
        part = part.reduce(factor) if factor > 1 else part
        offset = (shift + 0.5 - linear @ (0.5, 0.5) - low) / factor
        rows = np.column_stack([linear / factor, offset]).ravel().tolist()
        size = (PATCH_SIDE, PATCH_SIDE)
        return part.transform(size, Image.Transform.AFFINE, rows, Image.Resampling.BILINEAR)

    def moved_back(self, faces: Detections) -> Detections:
        """Return faces found in the patch, in pixels of the photo; boxes are upright squares."""
        linear, shift = self.matrix[:, :2], self.matrix[:, 2]
        step = float(np.hypot(*linear[:, 0]))
        centres = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2 - 0.5
        half = step * np.sqrt((faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(1, keepdims=True)) / 2
        middles = centres @ linear.T + shift + 0.5
        boxes = np.concatenate([middles - half, middles + half], 1).astype(np.float32)
        landmarks = (faces.landmarks @ linear.T + shift).astype(np.float32)
        return Detections(boxes, faces.scores, landmarks)


_CORNERS: npt.NDArray[np.float64] = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * float(PATCH_SIDE)
