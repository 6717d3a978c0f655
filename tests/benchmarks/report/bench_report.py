"""How long a report takes: plot data, pictures, page and export.

    python -m tests.benchmarks bench_report --photos 500 --faces 3 --people 60
    python -m tests.benchmarks bench_report --large [--keep FOLDER] [--open]

Photos are drawn at 12 megapixels by default and written to a temporary folder; every stage
runs as in the program. Prints one line a stage, the whole, the peak memory and the sizes.

``--large`` takes a made-up result of 20,000 photos, 40,000 faces and 1,500 people instead, with its
small pictures at hand, and times each part of the report. ``--open`` then opens the page in a
headless Chromium and prints how long it takes to the first picture of a person and until the page
answers; ``--keep`` leaves the report in a folder, to look at.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from grouping.export.export import ExportOptions, export
from grouping.report import report
from grouping.report.plots.plot_data import plot_data
from grouping.report.report import write_report
from grouping.storage.result_folder import THUMBNAILS_FOLDER
from tests.benchmarks.report.large_album import large_album, large_vectors, share_thumbnails
from tests.helpers.results.album import BACKGROUND, TEMPLATE, album, colour_of_person, face_set


def main() -> None:
    """Parse, build an album, time the stages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--faces", type=int, default=3, help="faces a photo")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument("--large", action="store_true", help="20,000 photos, pictures at hand")
    parser.add_argument("--keep", type=Path, help="leave the report of --large in this folder")
    parser.add_argument("--open", action="store_true", help="open the page of --large")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        if arguments.large:
            run_large(arguments.keep or Path(folder), opened=arguments.open)
        else:
            run(arguments, Path(folder))


# What a report is made of, by the names that ``report`` knows its makers by.
PARTS = ("_write_sheets", "tsne_figure", "similarity_figure", "faces_picture", "_write_page")


def run_large(folder: Path, *, opened: bool) -> None:
    """Time each part of the report of a large album, and the opening of its page."""
    document, labels = large_album(*LARGE)
    vectors = face_set(large_vectors(labels))
    document["plots"] = timed("plot data (t-SNE)", lambda: plot_data(vectors, labels, 0.4))
    share_thumbnails(document, folder / THUMBNAILS_FOLDER)
    for name in PARTS:
        setattr(report, name, timed_part(name, getattr(report, name)))
    timed("report, thumbnails at hand", lambda: write_report(document, folder, no_photo))
    page = folder / "index.html"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'peak memory':28} {peak:7.0f} MiB")
    print(f"{'index.html':28} {page.stat().st_size / 1e6:7.2f} MB")
    if opened:
        open_page(page)


def no_photo(photo: int) -> bytes:
    """No photo is there: small pictures are."""
    raise AssertionError(f"photo {photo} is asked for")


def timed_part(name: str, part: Callable[..., Any]) -> Callable[..., Any]:
    """The same part, its seconds printed; one that yields is run to its end first."""

    def run_part(*arguments: Any) -> Any:
        def work() -> Any:
            made = part(*arguments)
            return list(made) if hasattr(made, "__next__") else made

        return timed(f"  {name.strip('_')}", work)

    return run_part


def open_page(page: Path, times: int = 5) -> None:
    """Open the page some times and print the median milliseconds."""
    with browser() as driver:
        for section in SECTIONS:
            found = [opening(driver, page, section) for _ in range(times)]
            shown, ready = (statistics.median(column) for column in zip(*found, strict=True))
            print(f"open {section:23} {shown:7.0f} ms to a picture, {ready:4.0f} ms to an answer")


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{flag}")
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_window_size(1400, 1000)
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    try:
        yield driver
    finally:
        driver.quit()


def opening(driver: Any, page: Path, section: str) -> tuple[float, float]:
    """Milliseconds from asking for the page until a picture is shown, and until a key is heard."""
    driver.get("about:blank")
    driver.get(f"{page.as_uri()}#/{section}")
    shown, ready = driver.execute_async_script("window.opened.then(arguments[0])")
    return float(shown), float(ready)


# Told from the first moment of the document: when the first picture in it is decoded (or the map
# drawn), and when after that a timer is on time, so that nothing holds up a key.
WATCH = """
window.opened = new Promise((done) => {
  const picture = () => document.querySelector("#main canvas")
    || [...document.querySelectorAll("#main img")].find((i) => i.complete && i.naturalWidth);
  let shown = null;
  let before = performance.now();
  const look = () => {
    const now = performance.now();
    const late = now - before;
    if (shown === null && picture()) requestAnimationFrame(() => { shown ??= performance.now(); });
    const loaded = shown !== null && document.readyState === "complete";
    if (loaded && late < 50) return done([shown, now]);
    before = now;
    return setTimeout(look, 5);
  };
  look();
});
"""
SECTIONS = ("people", "person/0", "review", "together", "strangers", "without", "map")
LARGE = (20_000, 40_000, 1_500)  # photos, faces, people


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
