"""Copies of photos found, different photos taken for copies, and what it costs in large albums.

    python -m tests.benchmarks bench_copies FOLDER [--every N] [--sizes 250000 1000000]

Every N-th photo of the folder is copied in each of the ways of ``KINDS``; the photos and all
their copies are one album. Copies of photos in which no face is found are not counted, for only
their bytes would tell. Pairs of different photos taken for one picture are named: a folder may
hold copies of its own. The cost is that of made-up hashes with a face each, a tenth of them
copies.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from grouping import GroupingConfig, GroupingPipeline, GroupingResult
from grouping.people.copies import Pictures, find_copies
from grouping.sources.listing import list_sources
from tests.helpers.photo_files.copies import resized, same_bytes, saved_again, toned
from tests.helpers.vectors import face_set, unit

KINDS: dict[str, Callable[[Path, Path], None]] = {
    **{f"quality {q}": partial(saved_again, quality=q) for q in (95, 80, 60, 40)},
    "half size": partial(resized, share=0.5),
    "quarter size": partial(resized, share=0.25),
    "toned by 10 %": partial(toned, by=1.1),
    "toned by 20 %": partial(toned, by=1.2),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="*", default=[250_000, 1_000_000])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.folder:
        with tempfile.TemporaryDirectory() as folder:
            print_found(Path(folder), options)
    for size in options.sizes:
        print_cost(size)
    return 0


def print_found(folder: Path, options: argparse.Namespace) -> None:
    """A row for each kind of copy, then the different photos taken for one picture."""
    sources = [Path(photo.location) for photo in list_sources([options.folder])][:: options.every]
    for number, source in enumerate(sources):
        (folder / f"{number:06d}").mkdir()
        same_bytes(source, folder / f"{number:06d}" / source.name)
        for kind, make in KINDS.items():
            make(source, folder / f"{number:06d}" / f"{kind}.jpg")
    config = GroupingConfig(workers=options.workers)
    result = GroupingPipeline(config).run(list_sources([folder]))
    paths = [Path(photo.location) for photo in result.photos]
    original = np.where(result.copy_of < 0, np.arange(len(paths)), result.copy_of)
    with_face = np.bincount(result.faces.photo_index, minlength=len(paths)) > 0
    for kind in KINDS:
        print_kind(kind, paths, original, with_face)
    print_wrong(sources, paths, result)


def print_kind(kind: str, paths: list[Path], original: np.ndarray, with_face: np.ndarray) -> None:
    source = {path.parent: i for i, path in enumerate(paths) if path.stem not in KINDS}
    pairs = [(i, source[path.parent]) for i, path in enumerate(paths) if path.stem == kind]
    pairs = [(copy, of) for copy, of in pairs if with_face[copy] and with_face[of]]
    found = sum(original[copy] == original[of] for copy, of in pairs)
    print(f"{kind:<16}{found:6d} of {len(pairs):6d} found  {found / max(len(pairs), 1):.4f}")


def print_wrong(sources: list[Path], paths: list[Path], result: GroupingResult) -> None:
    number = [int(path.parent.name) for path in paths]
    wrong = {(number[i], number[of]) for i, of in enumerate(result.copy_of) if of >= 0}
    wrong = {tuple(sorted(pair)) for pair in wrong if pair[0] != pair[1]}
    print(f"different photos taken for one picture: {len(wrong)} pairs of {len(sources)} photos")
    for a, b in sorted(wrong):
        print(f"  {sources[a].name}  {sources[b].name}")


def print_cost(n: int) -> None:
    """CPU time of ``find_copies`` of ``n`` photos of one face each, a tenth of them copies."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (n, 32), dtype=np.uint8)
    copies, originals = np.arange(n - n // 10, n), rng.integers(0, n - n // 10, n // 10)
    hashes[copies] = hashes[originals]
    hashes[copies, 5:9] ^= 1
    corner = rng.uniform(0, 500, (n, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(50, 500, (n, 2))], axis=1)
    vectors = unit(rng.standard_normal((n, 16), dtype=np.float32))
    boxes[copies], vectors[copies] = boxes[originals], vectors[originals]
    sizes = np.tile([1200, 900], (n, 1))
    rows = [row.tobytes() for row in hashes]
    pictures = Pictures([None] * n, rows, sizes, np.arange(n), face_set(vectors, boxes=boxes))
    start = time.process_time()
    copy_of = find_copies(pictures)
    seconds = time.process_time() - start
    right = int((copy_of[copies] == originals).sum())
    print(f"{n:9,} photos: {seconds:6.1f} s of CPU, {right:,} of {n // 10:,} copies found")


if __name__ == "__main__":
    sys.exit(main())
