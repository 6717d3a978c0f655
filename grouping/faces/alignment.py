"""Alignment of faces: five landmarks -> similarity transform -> 112x112 crop.

ArcFace networks (Deng et al. 2019, arXiv:1801.07698) are trained on faces whose eyes, nose and
mouth lie on one template; a face squashed into a square instead costs them a tenth of their
accuracy.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from grouping.records import Float32, UInt8

CROP_SIDE = 112

# Image-left eye, image-right eye, nose tip, image-left and image-right mouth corner, (x, y) in
# a crop of 112x112: the template of InsightFace.
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    dtype=np.float64,
)


def similarity_transforms(landmarks: Float32) -> npt.NDArray[np.float64]:
    """Fit rotation, uniform scale and shift from landmarks to the template by least squares.

    Args:
        landmarks: (n, 5, 2), pixels.

    Returns:
        (n, 2, 3) float64 matrices ``M``; ``M @ (x, y, 1)`` is a point in the crop. Where all
        landmarks coincide no scale exists and the row is NaN.

    Source: Umeyama 1991, doi:10.1109/34.88573. In the plane the least-squares similarity has a
    closed form: with centred points as complex numbers p, q it is ``sum(conj(p) q) / sum(|p|^2)``,
    which is always a proper rotation.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    target_mean = TEMPLATE.mean(0)
    mean = points.mean(1)
    source = (points - mean[:, None]) @ np.array([1, 1j])
    target = (TEMPLATE - target_mean) @ np.array([1, 1j])
    spread = (np.abs(source) ** 2).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = (source.conj() @ target) / spread
    a, b = factor.real, factor.imag
    linear = np.stack([np.stack([a, -b], -1), np.stack([b, a], -1)], 1)
    shift = target_mean - np.einsum("nij,nj->ni", linear, mean)
    return np.concatenate([linear, shift[:, :, None]], axis=2)


def align_faces(image: UInt8 | Image.Image, landmarks: Float32) -> UInt8:
    """Cut each face out, turned and scaled so that its landmarks lie on the template.

    Faces larger than the crop are first reduced by area averaging by a whole factor, so that
    the bilinear sampling after it never skips pixels. What lies outside of the image is black: with
    the mirrored edge or a mean colour there, strangers cut on the same side are more alike, and a
    cut face is less like the same one whole.

    Args:
        image: (h, w, 3) uint8 RGB, or a Pillow image of mode RGB.
        landmarks: (n, 5, 2) float32 in pixels of that image.

    Returns:
        (n, 112, 112, 3) uint8 RGB; a face without a transform (see above) or wholly outside of the
        image is black.
    """
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    crops = np.zeros((len(landmarks), CROP_SIDE, CROP_SIDE, 3), np.uint8)
    for crop, matrix in zip(crops, similarity_transforms(landmarks), strict=True):
        if np.isfinite(matrix).all() and np.any(matrix[:, :2]):
            crop[:] = _warp(picture, matrix)
    return crops


def _warp(image: Image.Image, matrix: npt.NDArray[np.float64]) -> UInt8:
    """Sample one crop; only the face's surroundings are touched, whatever the photo's size.

    Args:
        image: of mode RGB.
        matrix: (2, 3) float64, from pixels of the image to those of the crop.

    Returns:
        (112, 112, 3) uint8 RGB.
    """
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    corners = np.array([[0, 0, 1], [CROP_SIDE, 0, 1], [0, CROP_SIDE, 1], [CROP_SIDE, CROP_SIDE, 1]])
    spots = corners @ inverse.T
    step = math.hypot(inverse[0, 0], inverse[1, 0])
    factor = max(1, int(step))
    low, high = np.floor(spots.min(0)) - 2 * factor, np.ceil(spots.max(0)) + 2 * factor
    left, top = (int(v) for v in np.maximum(low, 0))
    right, bottom = (int(v) for v in np.minimum(high, image.size))
    if right <= left or bottom <= top:
        return np.zeros((CROP_SIDE, CROP_SIDE, 3), np.uint8)
    part = image.crop((left, top, right, bottom))
    if factor > 1:
        part = part.reduce(factor)
    # Pillow maps pixel centres: its input and output coordinates are half a pixel further than
    # those of the landmarks, whose (0, 0) is the centre of the first pixel.
    move = inverse[:, 2] - (left, top)
    offset = (move + 0.5 - inverse[:, :2] @ (0.5, 0.5)) / factor
    linear = inverse[:, :2] / factor
    coefficients = (*linear[0], offset[0], *linear[1], offset[1])
    warped = part.transform(
        (CROP_SIDE, CROP_SIDE), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    return np.asarray(warped)
