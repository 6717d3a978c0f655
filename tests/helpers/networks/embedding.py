"""Stands in for a face network where only what is done with its results is tested."""

import numpy as np

from grouping.faces.embedding.embedder import Embeddings
from grouping.records import RECOGNITION_SIGNS, UInt8, unknown_signs


def no_embedding(crops: UInt8) -> Embeddings:
    """One vector for all, and nothing against any of them."""
    return Embeddings(np.ones((len(crops), 1), np.float32), unknown_signs(len(crops)))


def half_recognised(crops: UInt8) -> Embeddings:
    """One vector for all, each recognisable by half."""
    given = no_embedding(crops)
    given.signs[:, RECOGNITION_SIGNS.index("recognisable")] = 0.5
    return given
