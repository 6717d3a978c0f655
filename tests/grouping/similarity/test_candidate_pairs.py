"""The margins of the first pass, against products in float64."""

from __future__ import annotations

import numpy as np

from grouping.similarity.candidate_pairs import BF16_MARGIN, Int8Candidates, fastest, first_pass
from tests.helpers.vectors import hard_vectors, unit


def test_the_margin_covers_the_worst_rounding_seen() -> None:
    import torch

    vectors = torch.from_numpy(hard_vectors(2000, seed=1)[0])
    vectors = torch.cat([vectors, vectors])  # equal rows: products near 1, the largest roundings
    half = vectors.to(torch.bfloat16)
    rounded = (half @ half.T).double()
    exact = vectors.double() @ vectors.double().T
    assert float((rounded - exact).abs().max()) < BF16_MARGIN


def test_the_8_bit_margin_covers_the_worst_rounding_seen() -> None:
    vectors = hard_vectors(2000, seed=1)[0]
    vectors = np.concatenate([vectors, vectors])
    largest = np.abs(vectors).max()
    rounded = np.rint(vectors / (largest / 127)).astype(np.float64)
    off = np.abs((rounded @ rounded.T) * (float(largest) / 127) ** 2 - vectors @ vectors.T)
    assert off.max() < Int8Candidates(vectors, 0.4).margin < 0.03


def test_uneven_vectors_are_not_cut_to_8_bits() -> None:
    uneven = unit(np.random.default_rng(0).standard_normal((10_001, 512)) * 0.01 + np.eye(512)[0])
    assert Int8Candidates(uneven, 0.4).margin > 0.06
    assert not isinstance(first_pass(uneven, 0.4, "auto"), Int8Candidates)
    assert fastest() in ("int8", "bf16")
