"""t-SNE: places in the plane for faces, alike ones together (van der Maaten and Hinton 2008).

Few faces are placed exactly, in less time than scikit-learn takes to load. More are placed by its
Barnes-Hut method. Of very many a sample is placed first, the others beside those of the sample that
they are most like, and then all are moved together: so the whole keeps the order that the sample
found, and most of the steps are those of the sample (Kobak and Berens 2019).
"""

from __future__ import annotations

import numpy as np

from grouping.records import Float32, Float64, Int64

PCA_COMPONENTS = 50
# van der Maaten and Hinton 2008 call results stable for perplexities of 5 to 50; 30 is
# scikit-learn's default. It has to stay well below the number of points.
PERPLEXITY = 30.0
EXACT_MOST = 400  # up to this many, the exact method is the faster one
SAMPLE = 3000  # of more than twice as many faces, so many are placed first
NEAREST = 5  # of the sample, among which another face is put
STEPS, FIRST_STEPS = 1000, 250  # in the first, groups are pulled together
EXAGGERATION = 12.0
LESS_CARRIED = (1 - 0.5) / (1 - 0.8)  # by the momentum of scikit-learn's first steps
_JITTER = 1e-6
_HALVINGS = 50  # of the interval in which a width is searched


def perplexity_of(n: int) -> float:
    """Return the perplexity for n faces."""
    return min(PERPLEXITY, max(1.0, (n - 1) / 3))


def tsne_places(vectors: Float32, sample: Int64, seed: int) -> Float64:
    """Return (n, 2) float64 places for faces.

    Args:
        vectors: (n, d) float32 unit vectors, n at least 3.
        sample: (m,) int64, the rows to place first where there are very many.
        seed: of what is random; equal input gives equal places.
    """
    reduced = principal_components(vectors)
    if len(vectors) <= EXACT_MOST:
        return exact_tsne(reduced, _start(reduced, seed))
    if len(sample) == len(vectors):
        return _barnes_hut(reduced, _start(reduced, seed), seed)
    first = _barnes_hut(reduced[sample], _start(reduced[sample], seed), seed)
    return _barnes_hut(reduced, _beside(reduced, sample, first, seed), seed, begun=True)


def principal_components(vectors: Float32) -> Float64:
    """Return the (n, p) float64 coordinates of (n, d) float32 vectors along p principal axes.

    There are at most ``PCA_COMPONENTS``, at least two; the one of largest variance comes first.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    leading = axes[:, ::-1][:, :PCA_COMPONENTS]
    # The sign of an axis is arbitrary; fixed, so that equal runs look equal.
    leading *= np.sign(leading[np.abs(leading).argmax(axis=0), np.arange(leading.shape[1])])
    return np.asarray(centred @ leading)


def exact_tsne(points: Float64, start: Float64) -> Float64:
    """Return the (n, 2) places of (n, p) points, each compared with each other.

    Args:
        points: float64.
        start: (n, 2) float64, a tiny map to begin with.
    """
    wanted = _affinities(points, perplexity_of(len(points)))
    places, speed = start.copy(), np.zeros_like(start)
    gains = np.ones_like(start)
    rate = _learning_rate(len(points))
    for step in range(STEPS):
        early = step < FIRST_STEPS
        slope = _slope(places, wanted * EXAGGERATION if early else wanted)
        gains = np.maximum(np.where(slope * speed < 0, gains + 0.2, gains * 0.8), 0.01)
        speed = (0.5 if early else 0.8) * speed - rate * gains * slope
        places += speed
    return places


def _start(reduced: Float64, seed: int) -> Float64:
    """Return a tiny (n, 2) map by the two leading of (n, p) principal axes.

    Identical faces (a photo imported twice) have no direction to part in; the noise is far below
    what can be seen.
    """
    start = np.random.default_rng(seed).normal(0, _JITTER, (len(reduced), 2))
    leading = 1e-4 * reduced[:, :2] / max(float(reduced[:, 0].std()), _JITTER)
    return np.asarray(start + leading)


def _learning_rate(n: int) -> float:
    """Step width for n points (Belkina et al. 2019, for a slope without its factor of 4)."""
    return max(n / EXAGGERATION / 4, 50.0)


def _barnes_hut(reduced: Float64, start: Float64, seed: int, *, begun: bool = False) -> Float64:
    """Return the (n, 2) places of (n, p) points.

    Args:
        reduced: float64.
        start: (n, 2) float64.
        seed: of what is random.
        begun: the start is a map already, of the right size: it needs few steps, and nothing is
            pulled together.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    model = TSNE(
        perplexity=perplexity_of(len(reduced)),
        early_exaggeration=1.0 if begun else EXAGGERATION,
        # scikit-learn's first steps, which are all there are then, carry less of the one before.
        learning_rate=_learning_rate(len(reduced)) * (LESS_CARRIED if begun else 1.0),
        max_iter=FIRST_STEPS if begun else STEPS,
        init=start,
        random_state=seed,
    )
    # On one thread sums are taken in one order, so that equal runs give equal pictures.
    with threadpool_limits(1):
        return np.asarray(model.fit_transform(reduced), np.float64)


def _beside(reduced: Float64, sample: Int64, placed: Float64, seed: int) -> Float64:
    """Return (n, 2) places: of the sample as they are, of others the middle of its nearest.

    Args:
        reduced: (n, p) float64 points.
        sample: (m,) int64, the rows that are placed.
        placed: (m, 2) float64, where.
        seed: of the noise that parts points of one place.
    """
    start = np.zeros((len(reduced), 2))
    known = reduced[sample]
    sizes = (known**2).sum(axis=1)
    for block in np.array_split(np.arange(len(reduced)), -(-len(reduced) // 1024)):
        gaps = sizes - 2 * reduced[block] @ known.T
        nearest = np.argpartition(gaps, NEAREST, axis=1)[:, :NEAREST]
        start[block] = np.median(placed[nearest], axis=1)
    start += np.random.default_rng(seed).normal(0, 1e-3 * placed.std(), start.shape)
    start[sample] = placed
    return start


def _affinities(points: Float64, perplexity: float) -> Float64:
    """Return (n, n) float64: how much each pair of (n, p) points belongs together, 1 in all.

    The width of each point's Gaussian is searched so that it has ``perplexity`` neighbours.
    """
    sizes = (points**2).sum(axis=1)
    gaps = np.maximum(sizes[:, None] + sizes - 2 * points @ points.T, 0)
    np.fill_diagonal(gaps, np.inf)
    gaps -= gaps.min(axis=1, keepdims=True)
    low, high = np.zeros(len(points)), np.full(len(points), np.inf)
    sharpness = 1 / np.maximum(np.median(gaps, axis=1), 1e-12)
    for _ in range(_HALVINGS):
        shares = np.exp(-gaps * sharpness[:, None])
        shares /= shares.sum(axis=1, keepdims=True)
        entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=1)
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, sharpness, low), np.where(wide, high, sharpness)
        sharpness = np.where(np.isinf(high), 2 * sharpness, (low + np.minimum(high, 1e300)) / 2)
    both = shares + shares.T
    return np.asarray(both / both.sum())


def _slope(places: Float64, wanted: Float64) -> Float64:
    """Return (n, 2): the gradient of the divergence between (n, n) affinities and a map, over 4."""
    x, y = places[:, 0], places[:, 1]
    near = 1 / (1 + np.square(x[:, None] - x) + np.square(y[:, None] - y))
    np.fill_diagonal(near, 0)
    pull = (wanted - near / near.sum()) * near
    return np.asarray(pull.sum(axis=1)[:, None] * places - pull @ places)
