"""What the client's dictionaries say about the faces of a group."""

from __future__ import annotations

import numpy as np
import pytest

from grouping.results.response import previous_faces
from tests.helpers.vectors import hard_vectors


def test_previous_faces_by_their_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grouping.results.response.BLOCK", 7 * 25)
    vectors, _ = hard_vectors(40, seed=6)
    members = np.random.default_rng(0).permutation(40)[:25]
    nearest, similarity = previous_faces(vectors, members)
    assert (nearest[0], similarity[0]) == (-1, -1)
    for k in range(1, 25):
        products = [float(vectors[members[k]] @ vectors[m]) for m in members[:k]]
        assert nearest[k] == members[int(np.argmax(products))]
        assert similarity[k] == pytest.approx(max(products), abs=1e-6)
