"""Quality of a face: size, sharpness, pose and landmarks -> one number in [0, 1].

It says how far the face can be trusted, and is a product of factors in [0, 1], each 1 for a good
face, so that one serious fault is enough to keep a face from founding a group (see
:mod:`grouping.people.group_faces`):

====================  ===================================================================
detector score        ``(score - 0.5) / 0.5``
size                  side of the box in full-size pixels over ``GOOD_SIZE``
sharpness             variance of the Laplacian over ``GOOD_SHARPNESS``
yaw and pitch         1 up to ``EASY_ANGLE`` degrees off frontal, 0 at ``HOPELESS_ANGLE``
landmarks             1 up to ``FAIR_ERROR``, 0 at ``IMPLAUSIBLE_ERROR`` or where they are
                      implausible: collinear, or outside of the box (but for a side that lies
                      on the photo's edge: a box ends there, a face need not)
visible               share of the aligned crop that lies inside of the photo: 0 up to
                      ``HOPELESS_VISIBLE``, 1 from ``WHOLE_VISIBLE`` on
====================  ===================================================================

Size and sharpness enter with their square root: half the pixels do not halve what a network
still reads from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grouping.boxes import sides_at_edge
from grouping.faces.alignment import CROP_SIDE, TEMPLATE, similarity_transforms
from grouping.records import Detections, Float32, Float64, UInt8

GOOD_SIZE = 64.0  # px
GOOD_SHARPNESS = 100.0  # grey levels squared, of a 112x112 crop
EASY_ANGLE, HOPELESS_ANGLE = 30.0, 80.0  # degrees
FAIR_ERROR, IMPLAUSIBLE_ERROR = 0.15, 0.45  # shares of the eye distance
OUTSIDE_MARGIN = 0.15  # share of the box side by which a landmark may leave the box
FLATTEST = 0.05  # smallest singular value over largest, below which five points are a line
VISIBLE_STEP = 4  # px between the places of a crop of which it is asked whether the photo has them
# Of strangers cut on the same side (bundled network, faces of news and press photos cut on purpose)
# 0.05 % have a cosine of 0.38 or more where 0.7 to 0.8 of the crop is there, as many as of whole
# faces; 0.2 % at 0.65 to 0.7, 0.3 % at 0.6 to 0.65, 0.7 % at 0.5 to 0.6. Of their own whole faces
# in other photos 99 %, 97 %, 87 % and 70 to 80 % match them. Midway between the two values a face,
# good otherwise, founds no group.
HOPELESS_VISIBLE, WHOLE_VISIBLE = 0.45, 0.75

FACTORS = ("score", "size", "sharpness", "angle", "landmarks", "visible")

TEMPLATE_EYE_DISTANCE = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))

# A plain head in units of the eye distance: x to image-right, y down, z towards the camera,
# origin between the eyes. Seen from the front it is the alignment template; depths are those
# of an average adult (nose tip half an eye distance before the eyes, mouth corners a seventh).
HEAD = np.array(
    [
        [-0.5, 0.0, 0.0],
        [0.5, 0.0, 0.0],
        [0.0, 0.57, 0.5],
        [-0.414, 1.153, 0.15],
        [0.414, 1.153, 0.15],
    ]
)


@dataclass(frozen=True, eq=False)
class FaceQuality:
    """Quality of the faces of one photo.

    Attributes:
        quality: (n,) float32 in [0, 1].
        measures: (n, 7) float32: size in full-size pixels, sharpness, yaw, pitch and roll in
            degrees (positive: turned to image-right, looking up, tilted clockwise), alignment
            error in shares of the eye distance, infinite where landmarks are implausible, and the
            share of the crop that lies inside of the photo.
    """

    quality: Float32
    measures: Float32


def face_quality(faces: Detections, crops: UInt8, photo_size: tuple[int, int]) -> FaceQuality:
    """Judge faces, but for what a face network tells of them.

    Args:
        faces: n detections in full-size pixels.
        crops: (n, 112, 112, 3) uint8 RGB, their aligned crops.
        photo_size: width and height of the upright, full-size photo.
    """
    boxes = faces.boxes.astype(np.float64)
    size = np.sqrt(np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 0))
    sharp = sharpness(crops)
    yaw, pitch, roll = head_pose(faces.landmarks)
    error = alignment_error(faces.landmarks)
    error[~plausible(faces, photo_size)] = np.inf
    visible = visible_share(faces.landmarks, *photo_size)
    measures = np.stack([size, sharp, yaw, pitch, roll, error, visible], 1)
    quality = np.prod(quality_factors(faces.scores, measures), axis=0)
    return FaceQuality(quality.astype(np.float32), measures.astype(np.float32))


def quality_factors(scores: Float32, measures: Float32 | Float64) -> Float64:
    """Return what the quality is the product of: (6, n) float64 in [0, 1], rows ``FACTORS``.

    Args:
        scores: (n,) float32, the detector's.
        measures: (n, 7), as in :class:`FaceQuality`.
    """
    size, sharp, yaw, pitch, _, error, visible = measures.astype(np.float64).T
    factors = [
        (scores.astype(np.float64) - 0.5) / 0.5,
        np.sqrt(size / GOOD_SIZE),
        np.sqrt(sharp / GOOD_SHARPNESS),
        (HOPELESS_ANGLE - np.hypot(yaw, pitch)) / (HOPELESS_ANGLE - EASY_ANGLE),
        (IMPLAUSIBLE_ERROR - error) / (IMPLAUSIBLE_ERROR - FAIR_ERROR),
        (visible - HOPELESS_VISIBLE) / (WHOLE_VISIBLE - HOPELESS_VISIBLE),
    ]
    clipped: Float64 = np.clip(factors, 0, 1)
    return clipped


def visible_share(landmarks: Float32, width: int, height: int) -> Float64:
    """Share of each aligned crop that lies inside of the photo: (n,) float64 in [0, 1].

    Counted on a grid; 0 where landmarks have no transform.

    Args:
        landmarks: (n, 5, 2) float32 in pixels of the photo, whose first pixel has its centre at 0.
        width, height: of the photo.
    """
    places = np.arange(VISIBLE_STEP / 2 - 0.5, CROP_SIDE, VISIBLE_STEP)
    grid = np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)
    matrices = similarity_transforms(landmarks)
    linear, shift = matrices[:, :, :2], matrices[:, :, 2]
    # The inverse of a similarity is its transpose over the square of its scale.
    square = np.maximum((linear[:, :, 0] ** 2).sum(1), np.finfo(np.float64).tiny)
    inverse = linear.swapaxes(1, 2) / square[:, None, None]
    spots = np.einsum("nij,npj->npi", inverse, grid - shift[:, None])
    with np.errstate(invalid="ignore"):
        inside = (spots >= -0.5) & (spots <= np.array([width, height]) - 0.5)
    share: Float64 = inside.all(2).mean(1)
    return share


def sharpness(crops: UInt8) -> Float64:
    """Variance of the 4-neighbour Laplacian of the grey crop, (n,) float64 of (n, h, w, 3) uint8.

    Source: Pech-Pacheco et al. 2000, doi:10.1109/ICPR.2000.903548; grey is Rec. 601 luma.
    """
    grey = crops.astype(np.float64) @ (0.299, 0.587, 0.114)
    centre = grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    spread: Float64 = (around - 4 * centre).var(axis=(1, 2))
    return spread


def head_pose(landmarks: Float32) -> tuple[Float64, Float64, Float64]:
    """Estimate yaw, pitch and roll in degrees, (n,) each, from (n, 5, 2) landmarks.

    The rotation is taken apart as ``Rz(roll) Ry(yaw) Rx(pitch)``.

    Scaled orthographic projection of ``HEAD``, solved as in POS (DeMenthon and Davis 1995,
    doi:10.1007/BF01450852): the rows of the 2x3 camera are two axes of the rotation times one
    scale. Five coarse landmarks of an average head tell turned from frontal, not degrees.
    """
    points = np.asarray(landmarks, np.float64)
    centred = points - points.mean(1, keepdims=True)
    head = HEAD - HEAD.mean(0)
    camera = np.einsum("dk,nkc->ncd", np.linalg.pinv(head), centred)
    right, down = _unit(camera[:, 0]), _unit(camera[:, 1])
    forward = np.cross(right, down)
    yaw = np.degrees(np.arcsin(np.clip(-forward[:, 0], -1, 1)))
    pitch = np.degrees(np.arctan2(forward[:, 1], forward[:, 2]))
    roll = np.degrees(np.arctan2(down[:, 0], right[:, 0]))
    return yaw, pitch, roll


def alignment_error(landmarks: Float32) -> Float64:
    """Root mean square distance of aligned landmarks (n, 5, 2) to the template: (n,) float64.

    In eye distances of the template; infinite where no transform exists.
    """
    transforms = similarity_transforms(landmarks)
    aligned = np.einsum("nij,nkj->nki", transforms[:, :, :2], landmarks) + transforms[:, None, :, 2]
    square = ((aligned - TEMPLATE) ** 2).sum(2).mean(1)
    error: Float64 = np.nan_to_num(np.sqrt(square), nan=np.inf) / TEMPLATE_EYE_DISTANCE
    return error


def plausible(faces: Detections, photo_size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """(n,) bool: the landmarks span an area and lie within the box, give or take a margin.

    Across a side that lies on the edge of the photo they may leave it.
    """
    points = faces.landmarks.astype(np.float64)
    sides = np.linalg.svd(points - points.mean(1, keepdims=True), compute_uv=False)
    spread = sides[:, 1] > FLATTEST * np.maximum(sides[:, 0], np.finfo(np.float64).tiny)
    low, high = faces.boxes[:, None, :2], faces.boxes[:, None, 2:]
    margin = OUTSIDE_MARGIN * (high - low)
    within = np.concatenate([points >= low - margin, points <= high + margin], 2).all(1)
    within |= sides_at_edge(faces.boxes, *photo_size)
    result: npt.NDArray[np.bool_] = spread & within.all(1)
    return result


def _unit(rows: Float64) -> Float64:
    """Return rows (n, 3) float64 at unit length; a zero row stays zero."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Float64 = rows / np.maximum(length, np.finfo(np.float64).tiny)
    return unit
