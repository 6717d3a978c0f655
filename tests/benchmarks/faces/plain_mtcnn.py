"""A plain transcription of the usual MTCNN pipeline, for where facenet-pytorch does not import.

Full resolution, one photo at a time, one crop resized at a time, suppression over all rows: the
steps of Zhang et al.'s code as its many transcriptions have them. Only the trained networks are
shared with ours.
"""

import numpy as np
import torch
from torch.nn.functional import interpolate

from backbone.weights.mtcnn_files import load_mtcnn
from tests.helpers.networks.facenet_reference import nms

MIN_FACE, FACTOR, THRESHOLDS = 20.0, 0.709, (0.6, 0.7, 0.7)
CELL, STRIDE = 12, 2


class PlainMtcnn:
    """The three networks, one after the other over one photo."""

    def __init__(self) -> None:
        self.networks = load_mtcnn()

    @torch.inference_mode()
    def __call__(self, image):
        """Boxes (n, 4), scores (n,) and landmarks (n, 5, 2) of a Pillow image."""
        x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
        found = [self._proposals(x, scale) for scale in scales(min(image.size))]
        rows = np.concatenate(found) if found else np.zeros((0, 9), np.float32)
        rows = rows[nms(rows[:, :4], rows[:, 4], 0.7)]
        size = np.tile(rows[:, 2:4] - rows[:, :2], 2)
        boxes = square(rows[:, :4] + rows[:, 5:] * size)
        scores, shares = self._judge(self.networks.rnet, x, boxes, 24)
        good = np.flatnonzero(scores > THRESHOLDS[1])
        good = good[nms(boxes[good], scores[good], 0.7)]
        boxes = square(moved(boxes[good], shares[good]))
        scores, shares, points = self._judge(self.networks.onet, x, boxes, 48)
        good = np.flatnonzero(scores > THRESHOLDS[2])
        corner, size = boxes[good, None, :2], boxes[good, None, 2:] - boxes[good, None, :2] + 1
        landmarks = corner + size * points[good].reshape(-1, 2, 5).swapaxes(1, 2) - 1
        boxes = moved(boxes[good], shares[good])
        keep = nms(boxes, scores[good], 0.7)
        return boxes[keep].astype(float), scores[good][keep], landmarks[keep]

    def _proposals(self, x, scale):
        height, width = (int(side * scale + 1) for side in x.shape[2:])
        level = interpolate(x, size=(height, width), mode="area")
        probability, shares = self.networks.pnet(level, [(height, width)])
        probability, shares = probability[0].numpy(), shares[0].numpy()
        y, x = np.nonzero(probability >= THRESHOLDS[0])
        corner = np.stack([x, y], 1) * STRIDE + 1
        boxes = np.floor(np.concatenate([corner, corner + CELL - 1], 1) / scale)
        rows = np.concatenate([boxes, probability[y, x][:, None], shares[:, y, x].T], 1)
        return rows[nms(rows[:, :4], rows[:, 4], 0.5)].astype(np.float32)

    def _judge(self, network, x, boxes, side):
        crops = [torch.zeros(0, 3, side, side)]
        for x1, y1, x2, y2 in boxes.astype(int):
            part = x[:, :, max(y1, 1) - 1 : max(y2, 1), max(x1, 1) - 1 : max(x2, 1)]
            crops.append(interpolate(part, size=(side, side), mode="area"))
        return [out.numpy() for out in network(torch.cat(crops))]


def detect(mtcnn, image):
    """The same call as that of the package's own."""
    return mtcnn(image)


def scales(shortest):
    scale = CELL / MIN_FACE
    while shortest * scale >= CELL:
        yield scale
        scale *= FACTOR


def square(boxes):
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(1, keepdims=True, initial=0)
    corner = boxes[:, :2] + (size - side) / 2
    return np.concatenate([corner, corner + side], 1)


def moved(boxes, shares):
    return boxes + shares * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)
