"""Synthetic faces with known identities, made hard the way real albums are."""

from __future__ import annotations

import numpy as np

from grouping.records import QUALITY_MEASURES, FaceSet, unknown_signs


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def identity_sizes(n: int, rng: np.random.Generator, largest: int) -> np.ndarray:
    """Faces per person, power law with exponent 2, from 1 to ``largest``, adding up to ``n``."""
    sizes = []
    left = n
    while left > 0:
        batch = np.minimum((1 / (1 - rng.random(max(left // 4, 16)))).astype(int), largest)
        for size in batch:
            if left <= 0:
                break
            sizes.append(min(int(size), left))
            left -= sizes[-1]
    return np.array(sizes)


def hard_vectors(
    n: int, seed: int = 0, dim: int = 512, largest: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(n, dim) unit vectors and (n,) identities: power-law sizes, families, a low-quality tail.

    Same-person cosine is about 0.68 for good faces. A quarter of the people are in families of
    four whose centres have cosine 0.25. A tenth of the faces are poor (cosine to their own
    centre 0.35 to 0.75 in place of 0.82) and share one of eight directions, those of blurred
    faces, so that strangers among them reach 0.4 and chain people together.
    """
    rng = np.random.default_rng(seed)
    sizes = identity_sizes(n, rng, largest or max(20, n // 200))
    person = np.repeat(np.arange(len(sizes)), sizes)
    centres = unit(rng.standard_normal((len(sizes), dim)))
    family = np.flatnonzero(rng.random(len(sizes)) < 0.25)
    parents = unit(rng.standard_normal((len(family) // 4 + 1, dim)))
    kin = parents[np.arange(len(family)) // 4]
    centres[family] = unit(np.sqrt(0.25) * kin + np.sqrt(0.75) * centres[family])
    blur = unit(rng.standard_normal((8, dim)))
    poor = rng.random(n) < 0.10
    likeness = np.where(poor, rng.uniform(0.35, 0.75, n), rng.normal(0.82, 0.04, n).clip(0.6, 0.95))
    likeness = likeness.astype(np.float32)
    noise = rng.standard_normal((n, dim), dtype=np.float32)
    noise /= np.sqrt(np.float32(dim))
    shared = np.where(poor, 0.65, 0.0).astype(np.float32)
    direction = rng.integers(0, 8, n)
    order = rng.permutation(n)
    vectors = np.empty((n, dim), np.float32)
    for start in range(0, n, 65536):  # in parts: a million faces have to fit into memory
        part = order[start : start + 65536]
        poorness, closeness = shared[part, None], likeness[part, None]
        noisy = poorness * blur[direction[part]] + np.sqrt(1 - poorness**2) * noise[part]
        mixed = closeness * centres[person[part]] + np.sqrt(1 - closeness**2) * noisy
        vectors[start : start + 65536] = unit(mixed)
    return vectors, person[order]


def face_set(
    embeddings: np.ndarray,
    photo_index: np.ndarray | None = None,
    quality: np.ndarray | None = None,
    boxes: np.ndarray | None = None,
) -> FaceSet:
    """Faces with these embeddings, each in its own photo and place unless told otherwise."""
    n = len(embeddings)
    photos = np.arange(n) if photo_index is None else np.asarray(photo_index)
    if boxes is None:
        # Side by side: faces of one photo never overlap.
        left = 100.0 * np.arange(n)
        boxes = np.stack([left, np.zeros(n), left + 50, np.full(n, 50.0)], axis=1)
    return FaceSet(
        photo_index=photos.astype(np.int32),
        boxes=np.asarray(boxes, np.float32).reshape(n, 4),
        scores=np.ones(n, np.float32),
        landmarks=np.zeros((n, 5, 2), np.float32),
        quality=np.ones(n, np.float32) if quality is None else np.asarray(quality, np.float32),
        measures=np.zeros((n, len(QUALITY_MEASURES)), np.float32),
        embeddings=np.ascontiguousarray(embeddings, np.float32).reshape(n, embeddings.shape[1]),
        signs=unknown_signs(n),
    )


def bcubed(truth: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """BCubed precision, recall and F (Amigo et al. 2009); noise faces are clusters of one."""
    labels = labels.copy()
    noise = np.flatnonzero(labels < 0)
    labels[noise] = labels.max(initial=0) + 1 + np.arange(len(noise))
    _, t = np.unique(truth, return_inverse=True)
    _, g = np.unique(labels, return_inverse=True)
    _, cell, both = np.unique(
        t.astype(np.int64) * (g.max() + 1) + g, return_inverse=True, return_counts=True
    )
    precision = float(np.mean(both[cell] / np.bincount(g)[g]))
    recall = float(np.mean(both[cell] / np.bincount(t)[t]))
    return precision, recall, 2 * precision * recall / (precision + recall)


def pairwise(truth: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F over pairs of faces; noise faces are clusters of one."""
    labels = labels.copy()
    noise = np.flatnonzero(labels < 0)
    labels[noise] = labels.max(initial=0) + 1 + np.arange(len(noise))
    _, t = np.unique(truth, return_inverse=True)
    _, g = np.unique(labels, return_inverse=True)
    _, both = np.unique(t.astype(np.int64) * (g.max() + 1) + g, return_counts=True)

    def pairs(counts: np.ndarray) -> float:
        return float(np.sum(counts.astype(np.float64) * (counts - 1) / 2))

    hit, of_groups, of_people = pairs(both), pairs(np.bincount(g)), pairs(np.bincount(t))
    precision, recall = hit / of_groups if of_groups else 1.0, hit / of_people if of_people else 1.0
    return precision, recall, 2 * precision * recall / (precision + recall or 1.0)
