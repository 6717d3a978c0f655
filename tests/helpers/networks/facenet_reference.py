"""The installed facenet-pytorch's own ``MTCNN``, run as an independent reference.

The package imports torchvision, which refuses to load beside a torch of another build: its
compiled operators are missing then, and it registers shapes for operators that do not exist.
The two that it asks for at import are declared here first, and non-maximum suppression, the only
one that MTCNN calls, is given a numpy implementation that shares no code with ours.

The package squeezes what is inside of the photo of a candidate that hangs over its edge into the
square. Zhang et al.'s own code has black there, and so has the reference here: candidates are
padded by torch before they are reduced.
"""

import numpy as np
import torch

OPERATOR = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
# A library that is dropped takes its operators with it.
_LIBRARIES: list[torch.library.Library] = []


class ReferenceUnavailableError(Exception):
    """facenet-pytorch does not import here; the message says why."""


def load_facenet_mtcnn(**settings):
    """facenet-pytorch's ``MTCNN(keep_all=True, **settings)``; defaults are its own."""
    try:
        _declare_operators()
        import facenet_pytorch.models.utils.detect_face as detect_face
        from facenet_pytorch import MTCNN
    except (ImportError, RuntimeError) as error:
        raise ReferenceUnavailableError(f"facenet-pytorch does not import: {error}") from error
    detect_face.batched_nms = batched_nms
    if not isinstance(detect_face.imresample, BlackOutside):
        detect_face.imresample = BlackOutside(detect_face)
    return MTCNN(keep_all=True, **settings)


def detect(mtcnn, image):
    """Boxes (n, 4) cut off at the image's edges, scores (n,) and landmarks (n, 5, 2)."""
    boxes, scores, landmarks = mtcnn.detect(image, landmarks=True)
    if boxes is None:
        return np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2))
    boxes = np.clip(np.array(boxes, dtype=np.float64), 0, [*image.size, *image.size])
    return boxes, np.array(scores, np.float64), np.array(landmarks, np.float64)


def nms(boxes, scores, threshold):
    """Greedy suppression, one row at a time over all that are left, as torchvision's."""
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1) * (y2 - y1)
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, order = order[0], order[1:]
        kept.append(best)
        width = np.minimum(x2[best], x2[order]) - np.maximum(x1[best], x1[order])
        height = np.minimum(y2[best], y2[order]) - np.maximum(y1[best], y1[order])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        order = order[shared <= threshold * (areas[best] + areas[order] - shared)]
    return np.array(kept, np.int64)


def batched_nms(boxes, scores, groups, threshold):
    """Suppression within each group (a pyramid level of one image); best score first."""
    boxes, scores, groups = (t.numpy() for t in (boxes, scores, groups))
    kept = [
        rows[nms(boxes[rows], scores[rows], threshold)]
        for rows in (np.flatnonzero(groups == g) for g in np.unique(groups))
    ]
    rows = np.concatenate(kept) if kept else np.zeros(0, np.int64)
    return torch.from_numpy(rows[np.argsort(-scores[rows], kind="stable")])


class BlackOutside:
    """In the place of the package's ``imresample``: pads the candidates that its ``pad`` cut off.

    The package cuts all candidates off at once, then cuts out and reduces one after the other;
    pyramid levels are reduced when no candidate is left over.
    """

    def __init__(self, package):
        self._cut_off, package.pad = package.pad, self.pad
        self._margins = []

    def pad(self, boxes, width, height):
        x1, y1, x2, y2 = boxes.trunc().int().cpu().numpy()[:, :4].T
        margins = np.stack([1 - x1, x2 - width, 1 - y1, y2 - height], 1)
        self._margins = np.maximum(margins, 0).tolist()
        return self._cut_off(boxes, width, height)

    def __call__(self, image, size):
        if self._margins:
            image = torch.nn.functional.pad(image, self._margins.pop(0))
        return torch.nn.functional.interpolate(image, size=size, mode="area")


def _declare_operators():
    if hasattr(torch.ops.torchvision, "nms"):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(name + OPERATOR)
    _LIBRARIES.append(library)
