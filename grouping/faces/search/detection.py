"""The MTCNN cascade: pyramid, P-Net, R-Net, O-Net, non-maximum suppression.

Zhang et al. 2016, arXiv:1604.02878, over the networks of :mod:`backbone.networks.mtcnn`. What
differs from the usual transcriptions, and why:

- One detector for all photos. Photos come in small batches; the candidates of a whole batch
  pass R-Net and O-Net together.
- Levels and candidate crops come from one summed-area table (:mod:`grouping.faces.search.pyramid`).
- P-Net looks at the two largest levels only where the next smaller one gives a hint
  (:mod:`grouping.faces.search.proposals`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from backbone.networks.mtcnn import ONET_SIDE, PNET_CELL, RNET_SIDE, MtcnnNetworks
from grouping.boxes import apply_offsets, clip_boxes, non_max_suppression, to_squares
from grouping.faces.search.proposals import STAGE_OVERLAP, Extent, propose_candidates
from grouping.faces.search.pyramid import Pyramid
from grouping.faces.time_limit import check_time
from grouping.records import Detections, Float32, Int64

if TYPE_CHECKING:
    import torch

PYRAMID_FACTOR = 0.709  # about the square root of a half: each level has half the pixels
# Candidates that pass R-Net or O-Net at once: few enough that activations stay in the cache.
BATCH_PIXELS = 128 * RNET_SIDE**2


@dataclass(frozen=True)
class CascadeSettings:
    """How the cascade searches.

    Attributes:
        min_face: side of the smallest face wanted, in pixels of the image searched.
        thresholds: face probability a candidate needs to pass P-Net, R-Net and O-Net.
        factor: side of one pyramid level over the side of the level before.
    """

    min_face: float = 20.0
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    factor: float = PYRAMID_FACTOR


class Detector:
    """Finds faces in batches of images; made once, used by any thread."""

    def __init__(self, networks: MtcnnNetworks) -> None:
        self.networks = networks
        # A GPU takes one batch at a time. On a CPU threads would only wait for each other's Python.
        alone = networks.device.type != "cpu"
        self._lock: AbstractContextManager[object] = threading.Lock() if alone else nullcontext()

    def __call__(
        self, images: Sequence[Image.Image], settings: Sequence[CascadeSettings]
    ) -> list[Detections]:
        """Detect faces.

        Args:
            images: Pillow images of mode RGB, of any sizes.
            settings: one for each image.

        Returns:
            For each image its faces, best score first, in pixels of that image; boxes are cut
            off at its edges.
        """
        if not images:
            return []
        with self._lock:
            pyramids = [Pyramid(image, _sum_rows) for image in images]
            found = [self._propose(p, s) for p, s in zip(pyramids, settings, strict=True)]
            found = self._refine(pyramids, found, [s.thresholds[1] for s in settings])
            return self._finish(pyramids, found, [s.thresholds[2] for s in settings])

    def look_at(self, image: Image.Image, candidates: Float32, least: float) -> Detections:
        """Ask R-Net and O-Net alone what is in some places of one image.

        Args:
            image: of mode RGB.
            candidates: (n, 4) float32 squares in its pixels.
            least: face probability that O-Net has to give.

        Returns:
            The faces, best score first, as :meth:`__call__` gives them.
        """
        with self._lock:
            pyramids = [Pyramid(image, _sum_rows)]
            moved = self._refine(pyramids, [candidates], [0.0])
            places = [np.concatenate([candidates, *moved])]
            return self._finish(pyramids, places, [least])[0]

    def _propose(self, pyramid: Pyramid, settings: CascadeSettings) -> Float32:
        """P-Net over all levels: (n, 4) float32 square candidates in pixels of the image."""
        scales = pyramid_scales(pyramid.size, settings)
        return propose_candidates(
            partial(self._run, self.networks.pnet), pyramid, scales, settings.thresholds[0]
        )

    def _refine(
        self, pyramids: list[Pyramid], candidates: list[Float32], thresholds: list[float]
    ) -> list[Float32]:
        """R-Net: drop most candidates and move the others.

        Args:
            pyramids: of the images.
            candidates: (n, 4) float32 for each image.
            thresholds: face probability that a candidate needs, for each image.

        Returns:
            (m, 4) float32 square candidates for each image.
        """
        scores, offsets = self._judge(self.networks.rnet, pyramids, candidates, RNET_SIDE)
        refined = []
        for boxes, score, moves, threshold in zip(
            candidates, scores, offsets, thresholds, strict=True
        ):
            good = np.flatnonzero(score > threshold)
            keep = good[non_max_suppression(boxes[good], score[good], STAGE_OVERLAP)]
            refined.append(to_squares(apply_offsets(boxes[keep], moves[keep])))
        return refined

    def _finish(
        self, pyramids: list[Pyramid], candidates: list[Float32], thresholds: list[float]
    ) -> list[Detections]:
        """O-Net: the final scores, boxes and landmarks; arguments as for R-Net."""
        scores, offsets, points = self._judge(self.networks.onet, pyramids, candidates, ONET_SIDE)
        return [
            _final(pyramid, *columns)
            for pyramid, *columns in zip(
                pyramids, candidates, scores, offsets, points, thresholds, strict=True
            )
        ]

    def _judge(
        self,
        network: torch.nn.Module,
        pyramids: list[Pyramid],
        candidates: list[Float32],
        side: int,
    ) -> list[list[Float32]]:
        """Run R-Net or O-Net over the candidates of all images in one pass.

        Args:
            network: one of the two.
            pyramids: of the images.
            candidates: (n, 4) float32 for each image.
            side: of the crops that the network takes, in pixels.

        Returns:
            Each output of the network, split by image again: float32 of n rows.
        """
        crops = np.concatenate(
            [p.crops(boxes, side) for p, boxes in zip(pyramids, candidates, strict=True)]
        )
        batch = BATCH_PIXELS // side**2
        starts = range(0, max(len(crops), 1), batch)
        parts = [self._run(network, crops[i : i + batch]) for i in starts]
        ends = np.cumsum([len(boxes) for boxes in candidates])[:-1]
        return [np.split(np.concatenate(column), ends) for column in zip(*parts, strict=True)]

    def _run(
        self, network: torch.nn.Module, crops: Float32, *extents: Sequence[Extent]
    ) -> list[Float32]:
        """Run a network over (n, h, w, 3) float32 RGB, 0..255; ``extents`` are for P-Net.

        Returns its outputs as float32 arrays, see :mod:`backbone.networks.mtcnn`.
        """
        import torch

        check_time()
        with torch.inference_mode():
            x = torch.from_numpy(crops).to(self.networks.device).permute(0, 3, 1, 2)
            outputs = network(x, *extents)
        return [output.float().cpu().numpy() for output in outputs]


def _sum_rows(rows: Int64) -> None:
    """Sum up along each row of (h, w) int64 in place, several times as fast as numpy does."""
    import torch

    whole = torch.from_numpy(rows)
    torch.cumsum(whole, 1, out=whole)


def pyramid_scales(size: tuple[int, int], settings: CascadeSettings) -> list[float]:
    """Scales of the levels, largest first; none where the image is below ``min_face``."""
    scale = PNET_CELL / settings.min_face
    shortest = min(size) * scale
    scales = []
    while shortest >= PNET_CELL:
        scales.append(scale)
        scale *= settings.factor
        shortest *= settings.factor
    return scales


def _final(
    pyramid: Pyramid,
    boxes: Float32,
    scores: Float32,
    offsets: Float32,
    points: Float32,
    threshold: float,
) -> Detections:
    """Make detections of what O-Net says of the candidates of one image.

    Args:
        pyramid: of the image.
        boxes: (n, 4) float32, the candidates.
        scores: (n,) float32, face probability.
        offsets: (n, 4) float32, regression offsets.
        points: (n, 10) float32, landmarks in units of the box: five x, then five y.
        threshold: face probability that a detection needs.
    """
    good = np.flatnonzero(scores > threshold)
    size = boxes[:, 2:] - boxes[:, :2] + 1
    # O-Net counts pixels from one, hence the last term.
    landmarks = points.reshape(-1, 2, 5).swapaxes(1, 2) * size[:, None] + boxes[:, None, :2] - 1
    moved = apply_offsets(boxes, offsets)
    keep = good[
        non_max_suppression(moved[good], scores[good], STAGE_OVERLAP, of_smaller=True, margin=1)
    ]
    return Detections(
        clip_boxes(moved[keep], *pyramid.size),
        scores[keep].astype(np.float32),
        landmarks[keep].astype(np.float32),
    )
