"""Similarity of two faces from first principles: facenet-pytorch's landmarks, a transform solved
as complex numbers, Pillow's own sampling, and the network in float64 from the paper's blocks.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from backbone.weights.known_files import CHECKPOINT_FOLDER, MOBILEFACENET_RECORD
from backbone.weights.loading import load_weights
from tests.helpers.networks.facenet_reference import detect
from tests.helpers.networks.network_reference import mobilefacenet_forward, unit

# insightface's arcface_dst, pixels of a 112x112 crop whose first pixel has its centre at 0.
ARCFACE = [38.2946 + 51.6963j, 73.5318 + 51.5014j, 56.0252 + 71.7366j, 41.5493 + 92.3655j]
ARCFACE += [70.7299 + 92.2041j]


def reference_crops(image: Image.Image, mtcnn) -> np.ndarray:
    """(n, 112, 112, 3) uint8 RGB of the faces that facenet-pytorch finds, left to right."""
    boxes, scores, landmarks = detect(mtcnn, image)
    good = scores > 0.95
    order = np.argsort(boxes[good][:, 0])
    return np.stack([_aligned(image, points) for points in landmarks[good][order]])


def _aligned(image: Image.Image, points: np.ndarray) -> np.ndarray:
    """Solve ``crop = u * photo + v`` over complex numbers: a similarity is one multiplication."""
    crop, photo = np.array(ARCFACE), points[:, 0] + 1j * points[:, 1]
    rows = np.stack([photo, np.ones(5)], axis=1)
    (u, v), *_ = np.linalg.lstsq(rows, crop, rcond=None)
    a, b = 1 / u, -v / u
    size = 112 * 4  # four samples a pixel each way, then their mean: large faces are made smaller
    step, half = a / 4, 0.5 + 0.5j
    start = (
        b - a * half + half
    )  # the corner of the crop, where Pillow counts corners and not centres
    matrix = (step.real, -step.imag, start.real, step.imag, step.real, start.imag)
    large = image.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return np.asarray(large.resize((112, 112), Image.Resampling.BOX))


def reference_vectors(crops: np.ndarray) -> np.ndarray:
    """(n, 512) float64 unit vectors of (n, 112, 112, 3) uint8 RGB, crop and mirror image."""
    state = load_weights(CHECKPOINT_FOLDER / MOBILEFACENET_RECORD.file_name).module.state_dict()
    bgr = torch.from_numpy(crops[..., ::-1].copy()).permute(0, 3, 1, 2).double()
    x = (bgr - 127.5) / 128
    with torch.inference_mode():
        both = mobilefacenet_forward(state, x) + mobilefacenet_forward(state, x.flip(3))
        return unit(both).numpy()
