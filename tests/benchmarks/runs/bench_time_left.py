"""What the stages after the photos cost: the figures of ``grouping/cli/display/time_left.py``.

    python -m tests.benchmarks bench_time_left
    python -m tests.benchmarks bench_time_left --photos ALBUM --faces 30000

Prints seconds a photo (those of a folder, in one process, networks loaded), and for each stage the
seconds at two sizes with the cost that follows from them. Grouping and the map take drawn vectors,
pictures photos of 12 megapixels that are drawn too. Age and gender need the extra ``attributes``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from grouping import GroupingConfig, GroupingPipeline
from grouping.errors import ModelError
from grouping.people.group_faces import group_faces
from grouping.people.rules import GroupingRules
from grouping.records import AGES, SHEETS, THUMBNAILS
from grouping.report.plots.plot_data import plot_data
from grouping.report.report import write_report
from grouping.sources.listing import list_sources
from grouping.storage.cache import Cache
from tests.benchmarks.report.bench_report import build
from tests.helpers.paths import PHOTOS
from tests.helpers.vectors import face_set, hard_vectors

THRESHOLD = 0.4


class Stopwatch:
    """Progress that remembers when each stage began and ended."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.begun.setdefault(stage, self._last)
        self.ended[stage] = self._last = time.perf_counter()

    def seconds(self, stage: str) -> float:
        return self.ended[stage] - self.begun[stage]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, default=PHOTOS)
    parser.add_argument("--faces", type=int, default=20_000)
    parser.add_argument("--pictures", type=int, default=60, help="photos of the picture stages")
    options = parser.parse_args()
    print_photos(options.photos)
    print_faces("grouping", group, options.faces // 4, options.faces)
    print_faces("map of faces", draw_map, options.faces // 4, options.faces)
    print_pictures(options.pictures)


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def print_photos(folder: Path) -> None:
    """Seconds a photo, from the second one on; and of ages, read from photos once more."""
    config, photos = GroupingConfig(), list(list_sources([folder]))
    pipeline = GroupingPipeline(config)
    pipeline.run(photos[:1])
    took = seconds_of(lambda: pipeline.run(photos))
    print(f"photos           {len(photos):6d}  {took:7.2f} s  {took / len(photos):.4f} a photo")
    with (
        suppress(ModelError),
        TemporaryDirectory() as place,
        Cache.open(Path(place) / "c") as cache,
    ):
        watch = Stopwatch()
        pipeline = GroupingPipeline(config.with_settings(attributes=True), cache=cache)
        pipeline.run(photos, on_stage=watch)
        took = watch.seconds(AGES)
        print(f"{AGES:16} {len(photos):6d}  {took:7.2f} s  {took / len(photos):.4f} a photo")


def group(count: int) -> float:
    vectors, _ = hard_vectors(count)
    faces = face_set(vectors, np.arange(count) // 3)
    return seconds_of(lambda: group_faces(faces, GroupingRules(threshold=THRESHOLD)))


def draw_map(count: int) -> float:
    vectors, labels = hard_vectors(count)
    faces = face_set(vectors, np.arange(count) // 3)
    return seconds_of(lambda: plot_data(faces, labels.astype(np.int64), THRESHOLD))


def print_faces(name: str, work: Callable[[int], float], few: int, many: int) -> None:
    """Seconds at two sizes, and the linear and the quadratic share that explain them."""
    work(few // 4)  # loads what it takes
    short, long = work(few), work(many)
    pairs = (long / many - short / few) / (many - few)
    face = short / few - pairs * few
    print(f"{name:16} {few:6d}  {short:7.2f} s\n{'':16} {many:6d}  {long:7.2f} s  ", end="")
    print(f"{face:.2e} a face, {pairs * 1e12:.3g} a million faces with each other")


def read_one(places: list[Path], number: int) -> bytes:
    return places[number].read_bytes()


def print_pictures(count: int) -> None:
    """Seconds of thumbnails and contact sheets, by what the report itself tells."""
    for photos in (count // 2, count):
        options = argparse.Namespace(photos=photos, faces=3, people=20, megapixels=12.0)
        with TemporaryDirectory() as folder:
            result, _, _ = build(options, Path(folder))
            images, watch = result["images"], Stopwatch()
            places = [Path(image["url"]) for image in images]
            write_report(result, Path(folder) / "out", partial(read_one, places), watch)
        took = watch.seconds(THUMBNAILS)
        print(f"{THUMBNAILS:16} {photos:6d}  {took:7.2f} s  {took / photos:.4f} a photo")
        took, faces = watch.seconds(SHEETS), 3 * photos
        print(f"{SHEETS:16} {faces:6d}  {took:7.2f} s  {took / faces:.4f} a face")


if __name__ == "__main__":
    main()
