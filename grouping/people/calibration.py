"""Sets a similarity threshold from the album itself, without labels.

Two faces in one photo are two people, so the pairs inside photos sample how alike strangers
look to this network in these pictures. The threshold is set where a stated share of such pairs
would exceed it. Few pairs say little, so the result is a weighted mean with the network's
default::

    weight    = n / (n + PRIOR_FACES),   n = faces beyond the first of their photo
    threshold = weight * album + (1 - weight) * default

n and not the number of pairs, because the pairs of one crowd are not independent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from grouping.records import FaceSet, Float32
from grouping.similarity.content_rank import content_rank

log = logging.getLogger(__name__)

# Share of stranger pairs above the album's threshold. With the bundled network on an album of
# 1,460 news photos it gives the cut that is best there, 0.40.
FALSE_MATCH_RATE = 5e-4
PRIOR_FACES = 100
LEAST_PAIRS = 20  # below, quartiles mean nothing
QUARTILES_TO_SIGMA = NormalDist().inv_cdf(0.75) - NormalDist().inv_cdf(0.25)
CEILING = 0.9  # above, photos of one person no longer match each other


@dataclass(frozen=True)
class Calibration:
    """Where a threshold comes from.

    Attributes:
        threshold: cosine similarity to group by.
        default: the network's own.
        album: the album's, None where it has too few pairs.
        pairs: pairs of faces that share a photo.
        weight: of ``album`` in ``threshold``, in [0, 1).
    """

    threshold: float
    default: float
    album: float | None
    pairs: int
    weight: float


def calibrate_threshold(faces: FaceSet, default: float) -> Calibration:
    """Set a threshold from the pairs of faces that share a photo.

    Logs the album's number and the default.

    Args:
        faces: all faces of a run.
        default: the network's default threshold.
    """
    groups = list(_by_photo(faces))
    similarities = np.concatenate([_pairs(g) for g in groups]) if groups else np.zeros(0)
    if len(similarities) < LEAST_PAIRS:
        log.info(
            "threshold %.3f: the default; the album has only %d pairs of faces in one photo",
            default,
            len(similarities),
        )
        return Calibration(default, default, None, len(similarities), 0.0)
    album = impostor_threshold(similarities)
    extra = sum(len(g) - 1 for g in groups)
    weight = extra / (extra + PRIOR_FACES)
    threshold = weight * album + (1 - weight) * default
    log.info(
        "threshold %.3f: album %.3f (%d pairs of faces in one photo, weight %.2f), default %.3f",
        threshold,
        album,
        len(similarities),
        weight,
        default,
    )
    return Calibration(threshold, default, album, len(similarities), weight)


def impostor_threshold(similarities: npt.NDArray[Any], rate: float = FALSE_MATCH_RATE) -> float:
    """Return the cosine similarity that a share ``rate`` of stranger pairs exceeds.

    A normal distribution is fitted through the quartiles, which the few pairs that are one
    person after all (mirrors, montages, a face found twice) do not move.

    Args:
        similarities: (p,) floats, of pairs of faces that share a photo.
        rate: share of pairs that may exceed it.
    """
    low, median, high = np.quantile(similarities, (0.25, 0.5, 0.75))
    sigma = (high - low) / QUARTILES_TO_SIGMA
    return float(min(median + NormalDist().inv_cdf(1 - rate) * sigma, CEILING))


def _by_photo(faces: FaceSet) -> Iterator[Float32]:
    """Yield (s, d) float32, the embeddings of each photo of s > 1 faces; of copies one."""
    rank = content_rank(faces.embeddings)
    seen: set[tuple[int, ...]] = set()
    order = np.argsort(faces.photo_index, kind="stable")
    starts = np.flatnonzero(np.diff(faces.photo_index[order])) + 1
    for rows in np.split(order, starts):
        content = tuple(sorted(rank[rows].tolist()))
        if len(rows) > 1 and content not in seen:
            seen.add(content)
            yield faces.embeddings[rows]


def _pairs(embeddings: Float32) -> Float32:
    """Return (s * (s - 1) / 2,) float32, the similarities of all pairs of (s, d) float32 rows."""
    similarity: Float32 = (embeddings @ embeddings.T)[np.triu_indices(len(embeddings), 1)]
    return similarity
