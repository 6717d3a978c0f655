"""How long a report takes: plot data, pictures, page and export.

    python -m tests.benchmarks.bench_report --photos 500 --faces 3 --people 60

Photos are drawn at 12 megapixels by default and written to a temporary folder; every stage
runs as in the program. Prints one line a stage, the whole, the peak memory and the sizes.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from grouping.export.export import ExportOptions, export
from grouping.report.plots.plot_data import plot_data
from grouping.report.report import write_report
from tests.helpers.album import BACKGROUND, TEMPLATE, album, colour_of_person, face_set


def main() -> None:
    """Parse, build an album, time the stages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--faces", type=int, default=3, help="faces a photo")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--megapixels", type=float, default=12.0)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        run(arguments, Path(folder))


def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Time the stages on an album in ``folder``."""
    result, vectors, labels = build(arguments, folder)

    def open_photo(i: int) -> bytes:
        return Path(result["images"][i]["url"]).read_bytes()

    started = time.perf_counter()
    result["plots"] = timed("plot data (t-SNE)", lambda: plot_data(face_set(vectors), labels, 0.4))
    out = folder / "out"
    timed("report, from photos", lambda: write_report(result, out, open_photo))
    print(f"{'plot data and report':28} {time.perf_counter() - started:7.2f} s")
    timed("report, thumbnails at hand", lambda: write_report(result, out, open_photo))
    timed(
        "export: links, csv, xmp",
        lambda: export(result, out, open_photo, ExportOptions("link", sidecars=True)),
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    thumbs = sum(f.stat().st_size for f in (out / "thumbs").iterdir())
    print(f"{'peak memory':28} {peak:7.0f} MiB")
    print(f"{'index.html':28} {(out / 'index.html').stat().st_size / 1e6:7.2f} MB")
    print(f"{'thumbs':28} {thumbs / 1e6:7.2f} MB")


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Run, print the seconds on the clock and on all processors, pass the result on."""
    started, used = time.perf_counter(), time.process_time()
    outcome = work()
    clock, processor = time.perf_counter() - started, time.process_time() - used
    print(f"{name:28} {clock:7.2f} s {processor:7.2f} s of processor", flush=True)
    return outcome


def build(arguments: argparse.Namespace, folder: Path) -> tuple[Any, np.ndarray, np.ndarray]:
    """An album of noisy photos with flat faces; its embeddings and labels."""
    rng = np.random.default_rng(0)
    photos = [
        rng.choice(arguments.people, arguments.faces, replace=False).tolist()
        for _ in range(arguments.photos)
    ]
    result, _ = album(photos)
    side = (
        int((arguments.megapixels * 1e6 * 4 / 3) ** 0.5),
        int((arguments.megapixels * 7.5e5) ** 0.5),
    )
    for image in result["images"]:
        place_faces(image, side, rng)
        draw_photo(image, side, folder, rng)
    labels = np.array([f["group_idx"] for i in result["images"] for f in i["faces"]], np.int64)
    centres = rng.normal(size=(arguments.people, 512))
    vectors = centres[labels] + 1.0 * rng.normal(size=(len(labels), 512))
    return result, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


def place_faces(image: dict[str, Any], side: tuple[int, int], rng: np.random.Generator) -> None:
    """Faces of 5 to 15 % of the photo's height, side by side."""
    for place, face in enumerate(image["faces"]):
        size = side[1] * rng.uniform(0.05, 0.15)
        x = side[0] * (place + 0.5) / len(image["faces"])
        y = side[1] * rng.uniform(0.2, 0.6)
        face["box"] = [x, y, x + size, y + size]
        face["landmarks"] = [[x + u * size / 112, y + v * size / 112] for u, v in TEMPLATE]


def draw_photo(
    image: dict[str, Any], side: tuple[int, int], folder: Path, rng: np.random.Generator
) -> None:
    """A JPEG with some detail, so that decoding costs what it costs."""
    noise = rng.normal(BACKGROUND, 25, (side[1] // 8, side[0] // 8, 3)).clip(0, 255)
    photo = Image.fromarray(noise.astype(np.uint8)).resize(side, Image.Resampling.BICUBIC)
    for face in image["faces"]:
        ImageDraw.Draw(photo).rectangle(face["box"], fill=colour_of_person(face["group_idx"]))
    path = folder / f"{image['id']}.jpg"
    photo.save(path, quality=90)
    image.update(width=side[0], height=side[1], url=str(path))
    image["sha256"] = sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
