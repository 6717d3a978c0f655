"""The map of faces: how long it takes, and how well people stay together on it.

    python -m tests.benchmarks bench_tsne [--faces 500 5000 20000] [--people 750] [--plain]
    python -m tests.benchmarks bench_tsne --album PHOTOS --cache FILE [--times 4]

By default the vectors are made up, a quarter of them of nobody. With ``--album``, faces are those
of an album, its people those that a run finds; ``--times`` takes each so many times, a little
moved, to have more. ``--plain`` places all faces by scikit-learn alone too, in 1000 steps.

``together``: the share of faces of people whose nearest face on the map is of the same person;
of the faces that were placed first, and of the others. ``in space``: the same among the vectors.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from grouping import GroupingPipeline
from grouping.report.plots import tsne
from grouping.report.plots.plot_data import fair_sample
from grouping.sources.listing import list_sources
from grouping.storage.cache import Cache
from tests.benchmarks.report.large_album import large_labels, large_vectors

Faces = tuple[np.ndarray, np.ndarray]  # (n, 512) float32 vectors, (n,) int64 people


def main() -> None:
    """Parse, place, print a row for each number of faces."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, nargs="+", default=[500, 5000, 20_000])
    parser.add_argument("--people", type=int, default=750)
    parser.add_argument("--album", help="folder of photos")
    parser.add_argument("--cache", type=Path, help="of a run over the album")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="scikit-learn's own, of all faces")
    arguments = parser.parse_args()
    for vectors, labels in faces_of(arguments):
        report("ours", vectors, labels, sampled)
        if arguments.plain:
            report("plain", vectors, labels, lambda v, _: tsne.tsne_places(v, np.arange(len(v)), 0))


def faces_of(arguments: argparse.Namespace) -> Iterator[Faces]:
    """Faces to place."""
    if arguments.album:
        yield album_faces(arguments.album, arguments.cache, arguments.times)
        return
    for count in arguments.faces:
        labels = large_labels(count, min(arguments.people, count // 8))
        yield large_vectors(labels), labels


def album_faces(album: str, cache: Path, times: int) -> Faces:
    """Faces of an album, each ``times`` times at a cosine of 0.8 to itself."""
    with Cache.open(cache) as opened:
        result = GroupingPipeline(cache=opened).run(list_sources([album]))
    vectors = np.tile(result.faces.embeddings, (times, 1))
    if times > 1:
        side = vectors.shape[1]
        noise = np.random.default_rng(0).normal(0, 0.5 / side**0.5, vectors.shape)
        vectors += noise.astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, np.tile(result.grouping.labels, times)


def first_of(labels: np.ndarray) -> np.ndarray:
    """The rows that are placed first, as the program chooses them."""
    n = len(labels)
    return fair_sample(labels, tsne.SAMPLE if n > 2 * tsne.SAMPLE else n, 0)


def sampled(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The map as the program makes it."""
    return tsne.tsne_places(vectors, first_of(labels), 0)


def report(
    name: str,
    vectors: np.ndarray,
    labels: np.ndarray,
    place: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> None:
    """Place and print."""
    started = time.perf_counter()
    places = place(vectors, labels)
    seconds = time.perf_counter() - started
    same, known = together(places, labels), labels >= 0
    first = np.isin(np.arange(len(labels)), first_of(labels))
    shares = [100 * same[known & rows].mean() for rows in (first, ~first) if (known & rows).any()]
    space = 100 * together(tsne.principal_components(vectors), labels)[known].mean()
    print(
        f"{name:6} {len(labels):6} faces {seconds:7.2f} s   together "
        + " and ".join(f"{share:.1f} %" for share in shares)
        + f"   in space {space:.1f} %",
        flush=True,
    )


def together(places: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the nearest other face is of the same person, (n,) bool."""
    _, nearest = cKDTree(places).query(places, k=2)
    own = np.arange(len(labels))
    other = np.where(nearest[:, 0] == own, nearest[:, 1], nearest[:, 0])
    return np.asarray(labels[other] == labels[own])


if __name__ == "__main__":
    main()
