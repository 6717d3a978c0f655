"""Clusterers side by side: time, peak memory, pairwise and BCubed F.

    python -m tests.benchmarks bench_clustering                     # synthetic, 1k to 200k faces
    python -m tests.benchmarks bench_clustering --sizes 1000000 --methods ours
    python -m tests.benchmarks bench_clustering --sizes 50000 200000 --methods ours --parts
    python -m tests.benchmarks bench_clustering --faces album.npz   # real faces

Synthetic faces are those of ``tests/helpers/vectors.py``: power-law group sizes,
families, a low-quality tail that chains strangers together. The largest person has one face in
200, so that a larger album has more faces of each; with ``--largest 250`` it has more people
instead, nobody with more faces than that. Each face is in a photo of its own; with
``--per-photo 10`` ten are in each photo and cannot be one person. ``--faces`` reads an ``.npz`` of
``embeddings`` (n, d), ``photo_index`` (n,) and ``person`` (n,) integers, -1 where unknown; faces
of unknown people are clustered and not scored.

Each run is a process of its own, so that its peak memory is its own; the memory includes the
vectors and the libraries. Where a method has a parameter it is tried over a range and the best
score by BCubed F is shown, with the time of one run. Methods that need the n x n matrix are left
out above ``--dense-limit`` faces.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

THRESHOLD = 0.38
RANGE = (0.34, 0.38, 0.42, 0.46, 0.50)
LOOSE_TO_STRICT = (0.40, 0.45, 0.50, 0.55, 0.60, 0.65)
SIZES = (1_000, 5_000, 20_000, 50_000, 200_000)
PARTS_ROUNDS = 3

Labels = Callable[[Any, float], np.ndarray]


def ours(faces: Any, threshold: float) -> np.ndarray:
    from grouping.people.group_faces import group_faces
    from grouping.people.rules import GroupingRules

    return group_faces(faces, GroupingRules(threshold=threshold)).labels


def plain_linkage(faces: Any, threshold: float) -> np.ndarray:
    from grouping.clustering.clusterers import AverageLinkage

    return AverageLinkage(threshold, judged=False).fit_predict(faces.embeddings)


def sparse_hdbscan(faces: Any, threshold: float) -> np.ndarray:
    from grouping.clustering.clusterers import Hdbscan

    return Hdbscan(threshold).fit_predict(faces.embeddings)


def sklearn_linkage(faces: Any, threshold: float) -> np.ndarray:
    from sklearn.cluster import AgglomerativeClustering

    model = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - threshold
    )
    return model.fit_predict(faces.embeddings)


def dense_hdbscan(faces: Any, min_samples: float) -> np.ndarray:
    import hdbscan

    distance = (1 - faces.embeddings.astype(float) @ faces.embeddings.T).clip(0)
    model = hdbscan.HDBSCAN(min_cluster_size=2, min_samples=int(min_samples), metric="precomputed")
    return model.fit_predict(distance)


def _distances(faces: Any, threshold: float) -> Any:
    from scipy.sparse import coo_matrix

    from grouping.similarity.cosine_graph import cosine_graph

    graph = cosine_graph(faces.embeddings, threshold)
    near = np.maximum(1 - graph.similarity, 1e-6)
    half = coo_matrix((near, (graph.rows, graph.cols)), shape=(graph.n, graph.n))
    return (half + half.T).tocsr()


def dbscan(faces: Any, threshold: float) -> np.ndarray:
    from sklearn.cluster import DBSCAN

    model = DBSCAN(eps=1 - threshold, min_samples=3, metric="precomputed")
    return model.fit_predict(_distances(faces, threshold))


def connected_components(faces: Any, threshold: float) -> np.ndarray:
    from scipy.sparse import csgraph

    return csgraph.connected_components(_distances(faces, threshold), directed=False)[1]


# name: function, parameters tried, needs the n x n matrix
METHODS: dict[str, tuple[Labels, tuple[float, ...], bool]] = {
    "ours": (ours, (THRESHOLD,), False),
    "average linkage": (plain_linkage, (THRESHOLD,), False),
    "sparse HDBSCAN": (sparse_hdbscan, RANGE, False),
    "sklearn linkage": (sklearn_linkage, (THRESHOLD,), True),
    "HDBSCAN": (dense_hdbscan, (1, 2, 3), True),
    "DBSCAN": (dbscan, LOOSE_TO_STRICT, False),
    "components": (connected_components, LOOSE_TO_STRICT, False),
}


def made(source: str) -> int:
    """The number of faces to make, 0 for a file."""
    size = source.partition("/")[0]
    return int(size) if size.isdigit() else 0


def load(source: str) -> tuple[Any, np.ndarray]:
    """Faces and their people, from a file or, for size/largest/per photo, made."""
    from tests.helpers.vectors import face_set, hard_vectors

    if size := made(source):
        largest, per_photo = map(int, source.split("/")[1:])
        vectors, person = hard_vectors(size, largest=largest or None)
        photo = np.empty(size, np.int64)  # nobody is twice in a photo
        photo[np.argsort(person, kind="stable")] = np.arange(size) % -(-size // per_photo)
        return face_set(vectors, photo), person
    with np.load(source, allow_pickle=False) as file:
        faces = face_set(file["embeddings"], file["photo_index"])
        return faces, file["person"]


def run(name: str, source: str, parameter: float, answer: Any) -> None:
    """One method, in a process of its own."""
    from tests.helpers.vectors import bcubed, pairwise

    faces, person = load(source)
    started = time.perf_counter()
    labels = METHODS[name][0](faces, parameter)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    known = person >= 0
    scores = bcubed(person[known], labels[known]), pairwise(person[known], labels[known])
    answer.send((parameter, seconds, peak, *scores))


def measure(name: str, source: str) -> tuple[Any, ...] | None:
    """The run of best BCubed F over the parameters of a method; None where one failed."""
    context = multiprocessing.get_context("spawn")
    results = []
    for parameter in METHODS[name][1]:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=run, args=(name, source, parameter, sender))
        process.start()
        sender.close()
        try:
            results.append(receiver.recv())
        except EOFError:  # killed, mostly for memory
            return None
        finally:
            process.join()
    return max(results, key=lambda result: result[3][2])


def show(name: str, source: str, result: tuple[Any, ...] | None) -> None:
    if result is None:
        print(f"{made(source) or source:>10}  {name:<16} failed", flush=True)
        return
    parameter, seconds, peak, b, p = result
    print(
        f"{made(source) or source:>10}  {name:<16} {parameter:5.2f} {seconds:9.2f} s "
        f"{peak:6.2f} GiB   "
        f"BCubed {b[0]:.4f} {b[1]:.4f} {b[2]:.4f}   pairwise {p[0]:.4f} {p[1]:.4f} {p[2]:.4f}",
        flush=True,
    )


def show_growth(times: dict[str, dict[int, float]]) -> None:
    """The exponent of time over size between the two largest sizes of each method."""
    for name, seconds in times.items():
        if len(seconds) > 1:
            small, large = sorted(seconds)[-2:]
            exponent = math.log(seconds[large] / seconds[small]) / math.log(large / small)
            print(f"{name}: time grows with the power {exponent:.2f} from {small} to {large}")


def measure_parts(sources: list[str]) -> dict[str, dict[int, float]]:
    """Seconds of the graph and of the rest of our default for each size, the least of some runs.

    The sizes take turns, so that a machine that is slower for a while is so for all of them.
    """
    from backbone.runtime.memory import keep_freed_memory
    from grouping.clustering import linkage_in_parts
    from grouping.people.group_faces import group_faces
    from grouping.people.rules import GroupingRules

    keep_freed_memory()  # as run_grouping.py does
    # Imports torch and tries it: once in a process, whatever the number of faces.
    group_faces(load("11000/0/1")[0], GroupingRules(threshold=THRESHOLD))
    graph_seconds, plain = 0.0, linkage_in_parts.graph_of

    def timed(*arguments: Any) -> Any:
        nonlocal graph_seconds
        started = time.perf_counter()
        graph = plain(*arguments)
        graph_seconds += time.perf_counter() - started
        return graph

    least: dict[str, dict[int, float]] = {"graph": {}, "the rest": {}}
    linkage_in_parts.graph_of = timed  # type: ignore[assignment]
    try:
        for source in sources * PARTS_ROUNDS:
            faces, _ = load(source)
            graph_seconds, started = 0.0, time.perf_counter()
            group_faces(faces, GroupingRules(threshold=THRESHOLD))
            rest = time.perf_counter() - started - graph_seconds
            print(
                f"{made(source):>10}  graph {graph_seconds:.2f} s, the rest {rest:.2f} s",
                flush=True,
            )
            for part, seconds in (("graph", graph_seconds), ("the rest", rest)):
                best = least[part].get(made(source), math.inf)
                least[part][made(source)] = min(seconds, best)
    finally:
        linkage_in_parts.graph_of = plain
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--faces", type=Path, nargs="*", default=(), help=".npz files")
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--dense-limit", type=int, default=20_000)
    parser.add_argument("--compare-limit", type=int, default=50_000, help="ours only above")
    parser.add_argument(
        "--largest", type=int, default=0, help="most faces of one person (one in 200 of all)"
    )
    parser.add_argument("--per-photo", type=int, default=1, help="faces in each photo")
    parser.add_argument("--parts", action="store_true", help="graph and the rest apart")
    options = parser.parse_args()
    times: dict[str, dict[int, float]] = {}
    synthetic = [f"{size}/{options.largest}/{options.per_photo}" for size in options.sizes]
    for source in [*map(str, options.faces), *synthetic]:
        size = made(source)
        for name in options.methods:
            dense = METHODS[name][2] and size > options.dense_limit
            if dense or (name != "ours" and size > options.compare_limit):
                continue
            result = measure(name, source)
            show(name, source, result)
            if size and result is not None:
                times.setdefault(name, {})[size] = result[1]
    if options.parts:
        times |= measure_parts(synthetic)
    show_growth(times)


if __name__ == "__main__":
    main()
