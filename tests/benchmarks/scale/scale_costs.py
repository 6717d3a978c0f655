"""What one photo, one face and one pair of faces cost: the inputs of docs/scale.md.

    python -m tests.benchmarks scale_costs photos FOLDER                # seconds a photo by stage
    python -m tests.benchmarks scale_costs driver                       # what the driver does
    python -m tests.benchmarks scale_costs engine                       # an answer of a Ray worker
    python -m tests.benchmarks scale_costs graph --faces 50000 100000   # a pair of faces
    python -m tests.benchmarks scale_costs strangers ALBUM [--cache FOLDER]

``photos`` runs the program with ``--profile`` on the first photos of a folder, and on those
enlarged to 12 megapixels; the start is left out. ``driver`` makes results of photos up, keeps them,
reads them again, and runs a whole album from the cache at two sizes, with and without faces: the
differences are what a photo and a face take. ``engine`` has a Ray worker answer with results as
often as it can, and counts what the driver computes for each: with as many answers on their way as
8 workers have, and as 320. ``graph`` groups drawn faces on one core. ``strangers`` counts pairs of
different people of a labelled album who are as alike as the threshold asks.
"""

from __future__ import annotations

import argparse
import gc
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from grouping.cores import usable_cores
from grouping.records import FaceSet, PhotoFaces
from tests.helpers.paths import ROOT

ANALYSIS = ("decode", "search", "judge", "embed")
SIZES = (8_000, 24_000)  # photos of the albums made up; more faces than are compared at once
FACES = 2  # in each of their photos, where there are any
SAMPLE = 2_000  # photos timed one by one
ANSWERS = 4_000  # of a worker, to be timed
GRAPH_THRESHOLD = 0.38  # of the bundled network
VALUES = 512  # of a vector
# In so many directions drawn strangers reach the threshold as often as those of photos do, see
# ``strangers``; in all 512 they never do.
DIRECTIONS = 82


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    photos = commands.add_parser("photos")
    photos.add_argument("folder", type=Path)
    photos.add_argument("--web", type=int, default=160, help="photos taken as they are")
    photos.add_argument("--camera", type=int, default=40, help="photos enlarged to 12 megapixels")
    commands.add_parser("driver")
    commands.add_parser("engine")
    graph = commands.add_parser("graph")
    graph.add_argument("--faces", type=int, nargs=2, default=(50_000, 100_000))
    strangers = commands.add_parser("strangers")
    strangers.add_argument("album", type=Path)
    strangers.add_argument("--cache", type=Path, help="folder of caches, kept for the next run")
    album = commands.add_parser("album")  # of its own, so that its memory is
    album.add_argument("photos", type=int)
    album.add_argument("faces", type=int)
    options = parser.parse_args()
    {
        "photos": print_photos,
        "driver": print_driver,
        "engine": print_engine,
        "graph": print_graph,
        "strangers": print_strangers,
        "album": print_album,
    }[options.command](options)
    return 0


# ---------------------------------------------------------------- photos


def print_photos(options: argparse.Namespace) -> None:
    """Core seconds a photo by stage, and bytes a photo."""
    from tests.benchmarks.runs.bench_run import enlarged, linked, photos_in

    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        folders = [linked(options.folder, options.web, place / "web")]
        folders.append(enlarged(options.folder, options.camera, place / "camera"))
        for folder in folders:
            count = len(photos_in(folder))
            size = sum(path.stat().st_size for path in photos_in(folder)) / count
            stages, faces = profile(folder, place / f"out-{folder.name}")
            print(
                f"{folder.name}: {count} photos, {size / 1e6:.3f} MB and {faces / count:.2f} faces"
            )
            for name in (*ANALYSIS, "read", "keep"):
                print(f"  {name:<8} {stages[name]['cpu_seconds'] / count:.4f} core s a photo")
            whole = sum(stages[name]["cpu_seconds"] for name in ANALYSIS) / count
            print(f"  analysis {whole:.4f} core s a photo", flush=True)


def profile(folder: Path, out: Path) -> tuple[dict[str, dict[str, float]], int]:
    """The stages of a run with one worker a core, by name, and how many faces were found."""
    program = [sys.executable, str(ROOT / "run_grouping.py"), str(folder), "--out", str(out)]
    said = ["--no-plots", "--workers", str(usable_cores()), "--profile", "--log-json"]
    done = subprocess.run([*program, *said], check=True, capture_output=True, text=True)
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    stages = {
        event["event"].removeprefix("stage "): event
        for event in events
        if event.get("event", "").startswith("stage ")
    }
    document = json.loads((out / "groups.json").read_text())
    return stages, sum(len(image["faces"]) for image in document["images"])


# ---------------------------------------------------------------- the driver


def made_up(photos: int, faces: int, seed: int = 0) -> Iterator[PhotoFaces]:
    """Results of photos with so many faces each, of drawn people in twenty photos at most."""
    from tests.helpers.vectors import hard_vectors

    count = photos * faces
    vectors = (
        hard_vectors(count, seed, largest=20)[0] if count else np.zeros((0, VALUES), np.float32)
    )
    random = np.random.default_rng(seed)
    for photo in range(photos):
        rows = vectors[photo * faces : (photo + 1) * faces]
        yield PhotoFaces(
            4000,
            3000,
            face_set_of(rows.copy(), random),
            sha256=sha256(f"{seed} {photo}".encode()).hexdigest(),
            picture_hash=random.bytes(32),
        )


def face_set_of(vectors: np.ndarray, random: np.random.Generator) -> FaceSet:
    """Good faces side by side in one photo."""
    from tests.helpers.vectors import face_set

    n = len(vectors)
    left = 150.0 * np.arange(n) + random.uniform(0, 20, n)
    boxes = np.stack([left, np.full(n, 50.0), left + 100, np.full(n, 150.0)], axis=1)
    return face_set(vectors, np.zeros(n, np.int64), boxes=boxes)


def in_a_bucket(number: int) -> Any:
    """A photo as a listing of a bucket gives it."""
    from grouping.sources.s3_photo import S3Photo
    from grouping.storage.s3.client import S3Options

    key = f"school-{number // 5000:04d}/class-{number // 100:05d}/IMG_{number:08d}.JPG"
    location = f"s3://a-bucket-of-photos/{key}"
    etag = f'"{sha256(key.encode()).hexdigest()[:32]}"'
    return S3Photo(location, location, "a-bucket-of-photos", key, S3Options(), etag, size=4_000_000)


def print_driver(_: argparse.Namespace) -> None:
    """Seconds and bytes of the driver, a photo and a face."""
    print_messages()
    print_cache()
    albums = {
        (photos, faces): read_album(photos, faces) for faces in (0, FACES) for photos in SIZES
    }
    small, large = SIZES
    for name in albums[large, 0]:
        photo = (albums[large, 0][name] - albums[small, 0][name]) / (large - small)
        both = (albums[large, FACES][name] - albums[small, FACES][name]) / (large - small)
        print(f"{name:<28} {photo:.6g} a photo, {(both - photo) / FACES:.6g} a face")


def print_messages() -> None:
    """What travels from a worker to the driver: bytes, and seconds to make and to read it."""
    for faces in (0, FACES):
        results = list(made_up(SAMPLE, faces))
        start = time.perf_counter()
        packed = [pickle.dumps(result, protocol=5) for result in results]
        middle = time.perf_counter()
        for data in packed:
            pickle.loads(data)  # noqa: S301 - made above
        end = time.perf_counter()
        size = sum(map(len, packed)) / SAMPLE
        print(
            f"result with {faces} faces: {size:.0f} bytes, made in "
            f"{(middle - start) / SAMPLE:.3g} s, read in {(end - middle) / SAMPLE:.3g} s"
        )
    start = time.perf_counter()
    photos = [in_a_bucket(number) for number in range(SAMPLE)]
    made = time.perf_counter()
    size = sum(len(pickle.dumps(photo)) for photo in photos) / SAMPLE
    end = time.perf_counter()
    print(f"photo in a bucket: {size:.0f} bytes to send, {(end - made) / SAMPLE:.3g} s to pack,")
    print(f"  {(made - start) / SAMPLE:.3g} s to make")


def print_cache() -> None:
    """Seconds a photo to look for it in the cache in vain, to keep its result, to find it again."""
    from grouping.storage.cache import Cache

    with tempfile.TemporaryDirectory() as folder, Cache.open(Path(folder) / "c.sqlite") as cache:
        results = list(made_up(SAMPLE, FACES))
        prints = [in_a_bucket(number).fingerprint() for number in range(SAMPLE)]
        for name, step in {
            "not found": lambda result, place: cache.content_of(place),
            "remembered": lambda result, place: cache.remember(place, result.sha256),
            "kept": lambda result, place: cache.store(result, "detector", "model"),
            "found again": lambda result, place: cache.load(
                cache.content_of(place) or "", "detector", "model"
            ),
        }.items():
            start, cpu = time.perf_counter(), time.process_time()
            for result, place in zip(results, prints, strict=True):
                step(result, place)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            print(f"cache, {name}: {seconds / SAMPLE:.3g} s a photo, {cpu / SAMPLE:.3g} core s")
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / SAMPLE
        print(f"cache: {size:.0f} bytes a photo with {FACES} faces")


def read_album(photos: int, faces: int) -> dict[str, float]:
    """What :func:`print_album` prints, of a process of its own."""
    program = [sys.executable, "-m", "tests.benchmarks.scale.scale_costs", "album"]
    done = subprocess.run(
        [*program, str(photos), str(faces)], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def print_album(options: argparse.Namespace) -> None:
    """Seconds and memory of a whole album that is in the cache, step by step."""
    from grouping.api.albums.outputs import OutputOptions, write_results
    from grouping.config import GroupingConfig
    from grouping.pipeline import GroupingPipeline
    from grouping.storage.cache import Cache

    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cache.sqlite"
        pipeline = GroupingPipeline(GroupingConfig(workers=0))
        with Cache.open(path) as cache:
            fill(cache, pipeline.models, options.photos, options.faces)
        figures["cache, bytes"] = float(path.stat().st_size)
        gc.collect()
        before = resident()
        with Cache.open(path) as cache:
            pipeline = GroupingPipeline(GroupingConfig(workers=0), cache=cache)
            watch = StageWatch()
            start = time.perf_counter()
            result = pipeline.run(map(in_a_bucket, range(options.photos)), on_stage=watch)
        end = time.perf_counter()
        figures["photos, s"] = watch.begun - start
        figures["photos, bytes held"] = watch.held - before
        figures["grouping, s"] = end - watch.begun
        figures["grouping, bytes at most"] = peak() - before
        write_results(result, Path(folder), OutputOptions(plots=False), None)
        figures["writing, s"] = time.perf_counter() - end
        figures["all, bytes at most"] = peak() - before
        figures["groups.json, bytes"] = float((Path(folder) / "groups.json").stat().st_size)
    print(json.dumps(figures))


def fill(cache: Any, models: Any, photos: int, faces: int) -> None:
    for number, result in enumerate(made_up(photos, faces)):
        cache.remember(in_a_bucket(number).fingerprint(), result.sha256)
        cache.store(result, models.detector_key, models.model_key)


class StageWatch:
    """Notes when the photos are done, and what is held then."""

    begun = held = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if not self.begun:
            self.begun, self.held = time.perf_counter(), resident()


def resident() -> float:
    """Bytes of this process."""
    return status("VmRSS")


def peak() -> float:
    """Bytes of this process at most."""
    return status("VmHWM")


def status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(field + ":"))
    return int(line.split()[1]) * 1024.0


# ---------------------------------------------------------------- the engine


class Answering:
    """An actor that says what it was given to say, after a while."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def wait(self, seconds: float) -> Any:
        import asyncio

        await asyncio.sleep(seconds)
        return self._answer


def print_engine(_: argparse.Namespace) -> None:
    """Core seconds of the driver for each answer of a worker, for few and many workers."""
    from grouping.execution.on_ray.cluster import connected, ray_module
    from grouping.execution.workers.photo_work import CHUNK

    ray = ray_module()
    with connected(None, 1, dashboard=False):
        answer = list(enumerate(made_up(CHUNK, FACES)))
        actor = ray.remote(Answering).options(max_concurrency=1000).remote(answer)
        for workers in (8, 320):
            costs = [engine_cost(ray, actor, 2 * workers) for _ in range(3)]
            print(f"{workers} workers: {min(costs):.3g} core s an answer", flush=True)


def engine_cost(ray: Any, actor: Any, flying: int) -> float:
    """Core seconds an answer, where the driver asks and waits as the pool of workers does."""
    calls = [actor.wait.remote(0.01) for _ in range(flying)]
    ray.get(calls[:])
    start, answers = time.process_time(), 0
    while answers < ANSWERS:
        ray.wait(calls, num_returns=1, timeout=1.0)
        ready, _ = ray.wait(calls, num_returns=len(calls), timeout=0)
        done = set(ready)
        for reference in ready:
            ray.get(reference)
        calls = [call for call in calls if call not in done]
        calls += [actor.wait.remote(0.01) for _ in ready]
        answers += len(ready)
    return (time.process_time() - start) / answers


# ---------------------------------------------------------------- pairs of faces


def crowded(n: int, seed: int = 0) -> np.ndarray:
    """(n, 512) float32 of drawn faces, strangers among them as alike as those of photos are."""
    from tests.helpers.vectors import hard_vectors

    vectors, _ = hard_vectors(n, seed, dim=DIRECTIONS, largest=20)
    turned, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((VALUES, DIRECTIONS)))
    spread = (vectors @ turned.T.astype(np.float32)).astype(np.float32)
    return spread / np.linalg.norm(spread, axis=1, keepdims=True)


def print_graph(options: argparse.Namespace) -> None:
    """Core seconds a pair of faces for the graph, and those of the rest of grouping a face."""
    import torch

    from grouping.people.group_faces import group_faces
    from grouping.people.rules import GroupingRules
    from grouping.similarity.cosine_graph import cosine_graph
    from tests.helpers.vectors import face_set

    torch.set_num_threads(1)
    cosine_graph(crowded(12_000), GRAPH_THRESHOLD)  # imports, and tries what is fastest
    seconds = []
    for n in options.faces:
        vectors, pairs = crowded(n), n * (n - 1) / 2
        before, start = peak(), time.process_time()
        graph = cosine_graph(vectors, GRAPH_THRESHOLD)
        seconds.append(time.process_time() - start)
        edges = len(graph)
        del graph
        print(f"{n} faces: graph {seconds[-1]:.2f} core s, {seconds[-1] / pairs:.3g} a pair;")
        print(f"  {edges} edges, {edges / pairs:.3g} of the pairs", flush=True)
        start = time.process_time()
        group_faces(face_set(vectors), GroupingRules(threshold=GRAPH_THRESHOLD))
        rest = time.process_time() - start - seconds[-1]
        print(f"  the rest of grouping {rest:.2f} core s, {rest / n:.3g} a face,")
        print(f"  at most {(peak() - before) / n:.0f} bytes a face more than before", flush=True)
    small, large = options.faces
    power = np.log(seconds[1] / seconds[0]) / np.log(large / small)
    print(f"the graph grows with the power {power:.2f}")


def print_strangers(options: argparse.Namespace) -> None:
    """Of pairs of strangers of a labelled album, the share that is as alike as the threshold."""
    from grouping.similarity.impostors import Impostors
    from tests.benchmarks.people.bench_people import load

    settings = argparse.Namespace(workers=2, checkpoint=None)
    with tempfile.TemporaryDirectory() as scratch:
        album = load(options.album, None, options.cache or Path(scratch), settings)
    truth, faces, threshold = album.truth, album.result.faces, album.result.threshold
    assert truth is not None
    rows, names = truth.row[truth.row >= 0], truth.person[truth.row >= 0]
    products = faces.embeddings[rows] @ faces.embeddings[rows].T
    above = np.triu(names[:, None] != names[None, :], 1)
    alike = int((above & (products >= threshold)).sum())
    expected = float(Impostors.of_threshold(threshold).rate(threshold))
    pairs = int(above.sum())
    print(f"{len(set(names))} people at {threshold}: {alike} of {pairs} pairs of strangers,")
    print(f"{alike / pairs:.3g}; grouping/similarity/impostors.py says {expected:.3g}")


if __name__ == "__main__":
    sys.exit(main())
