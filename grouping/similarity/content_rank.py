"""An order of vectors by their content, which does not depend on the order of the input."""

from __future__ import annotations

import numpy as np

from grouping.records import Float32, Int64


def content_rank(vectors: Float32) -> Int64:
    """Return the place of each row among the different rows in the order of their bytes.

    Equal rows have equal ranks. The order means nothing; it only does not depend on the order
    of the input, so ties are broken by it.

    Args:
        vectors: (n, d) float32.

    Returns:
        (n,) int64, ranks from 0 without gaps.
    """
    if not vectors.size:
        return np.zeros(len(vectors), np.int64)
    rows = np.ascontiguousarray(vectors).view(np.uint8)
    # The first bytes nearly always differ, so that few rows have to be compared in full.
    head = np.zeros((len(rows), 8), np.uint8)
    head[:, : min(8, rows.shape[1])] = rows[:, :8]
    start = head.view(">u8").ravel().astype(np.uint64)
    order = np.argsort(start, kind="stable")
    alike = start[order[1:]] == start[order[:-1]]
    tied = np.flatnonzero(np.append(alike, False) | np.append(False, alike))
    keys = rows[order[tied]].view(f"V{rows.shape[1]}").ravel()
    order[tied] = order[tied][np.argsort(keys, kind="stable")]
    pairs = np.flatnonzero(alike)
    alike[pairs] = (rows[order[pairs]] == rows[order[pairs + 1]]).all(1)
    rank = np.empty(len(rows), np.int64)
    rank[order] = np.cumsum(np.append(False, ~alike))
    return rank
