"""Self-check of a network: two portraits that it is shown before it sees anybody's photos.

``selfcheck_faces.png``: two aligned crops side by side, cut from official portraits of two US
presidents (works of the US government, public domain).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Crops = npt.NDArray[np.uint8]
Embeddings = npt.NDArray[np.float32]

log = logging.getLogger(__name__)

FACES_FILE = Path(__file__).with_name("selfcheck_faces.png")

# Different people have cosine 0.0 +- 0.1 in a sound ArcFace network, and two mugshots of one
# person 0.6 to 0.8; a network fed pixels in the wrong range sees one blurred face everywhere.
STRANGERS_AT_MOST = 0.5

# The probes vouch for every face, so they must agree better than the 0.999 asked of each. On
# 2,073 faces of real photos the bundled network in bfloat16 goes down to 0.998; the probes, down
# to 0.998 too, show it.
AGREEMENT = 0.9997
COARSE_BLOCK = 8  # pixels; a face 14 pixels high, blown up
DIM_FACTOR = 4


def sample_crops() -> Crops:
    """(2, 112, 112, 3) uint8 RGB: two people."""
    with Image.open(FACES_FILE) as picture:
        pair = np.asarray(picture.convert("RGB"))
    return np.stack(np.split(pair, 2, axis=1))


def probe_crops() -> Crops:
    """(6, 112, 112, 3) uint8 RGB: the two people well lit, coarse and dark.

    Rounding shows in bad pictures first: their embeddings are short.
    """
    faces = sample_crops()
    n, size = faces.shape[:2]
    cells = size // COARSE_BLOCK
    blocks = faces.reshape(n, cells, COARSE_BLOCK, cells, COARSE_BLOCK, 3).mean((2, 4))
    coarse = blocks.repeat(COARSE_BLOCK, axis=1).repeat(COARSE_BLOCK, axis=2).astype(np.uint8)
    return np.concatenate([faces, coarse, faces // DIM_FACTOR])


def cosines(a: Embeddings, b: Embeddings) -> npt.NDArray[np.float64]:
    """Row by row cosine similarity of (n, d) and (n, d) float32: (n,) float64.

    NaN where a row is zero or not finite.
    """
    x, y = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
        similarity: npt.NDArray[np.float64] = (x * y).sum(1) / norms
    return similarity


def agrees(fast: Embeddings, exact: Embeddings) -> bool:
    """Whether a lower precision gives the probes, (n, d) float32, nearly the same directions."""
    return bool(np.all(cosines(fast, exact) >= AGREEMENT))


def similarity_of_strangers(embed: Callable[[Crops], Embeddings]) -> float:
    """Return the cosine similarity of the two people; NaN for a network without usable numbers."""
    embeddings = embed(sample_crops())
    return float(cosines(embeddings[:1], embeddings[1:2])[0])


def warn_if_strangers_match(name: str, similarity: float) -> None:
    """Log a warning where the two people come out as one.

    That is what a wrong pixel range, wrong preprocessing or a file with random weights looks
    like; a wrong channel order alone may go unnoticed.
    """
    if not similarity <= STRANGERS_AT_MOST:
        log.warning(
            "%s: two different people have cosine similarity %.2f; the checkpoint is broken or "
            "untrained, or its preprocessing is not the one used; results will be wrong",
            name,
            similarity,
        )
