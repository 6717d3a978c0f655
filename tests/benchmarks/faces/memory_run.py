"""Memory of all processes together while many photos of 12 megapixels pass the pipeline."""

import io
import os
import threading
import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from PIL import Image

from grouping.config import GroupingConfig
from grouping.pipeline import GroupingPipeline
from grouping.sources.photo import Photo

SIZE = (4000, 3000)
SECONDS_BETWEEN = 0.2
LINES = 10


@dataclass(frozen=True)
class GeneratedPhoto(Photo):
    """A JPEG whose bytes no other photo has."""

    jpeg: bytes = b""

    def _read(self) -> bytes:
        return self.jpeg + str(self.id).encode()  # after the end of the image, so ignored


def camera_jpegs(folders: list[Path]) -> list[bytes]:
    """Sample photos on grainy 12-megapixel canvases, so that faces are found and files large."""
    grain = np.random.default_rng(0).integers(90, 166, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    paths = [p for folder in folders for p in sorted(folder.glob("*.jpg"))][:4]
    return [_on_canvas(Image.open(path).convert("RGB"), grain) for path in paths]


def _on_canvas(photo: Image.Image, grain: np.ndarray) -> bytes:
    canvas = Image.fromarray(grain)
    photo.thumbnail((2000, 2000))
    for corner in ((0, 0), (2000, 0), (1000, 1500)):
        canvas.paste(photo, corner)
    file = io.BytesIO()
    canvas.save(file, "JPEG", quality=90)
    return file.getvalue()


def run_memory(count: int, workers: int, folders: list[Path]) -> int:
    """Push ``count`` photos through and print the memory as it goes."""
    jpegs = camera_jpegs(folders)
    photos = (
        GeneratedPhoto(i, f"photo {i}", jpeg) for i, jpeg in enumerate(islice(cycle(jpegs), count))
    )
    meter, done = Meter(), 0
    print(f"{count} photos of {SIZE[0]}x{SIZE[1]}, {workers} workers; all processes together:")

    def on_photo(photo, outcome) -> None:
        nonlocal done
        done += 1
        if done % max(1, count // LINES) == 0:
            print(
                f"{done:>6} photos {meter.now / 2**20:>7.0f} MiB, highest {meter.peak / 2**20:.0f}"
            )

    with meter:
        result = GroupingPipeline(GroupingConfig(workers=workers)).run(photos, on_photo=on_photo)
    failures = sum(o.failure is not None for o in result.outcomes)
    print(f"{len(result.faces)} faces, {failures} failures, peak {meter.peak / 2**20:.0f} MiB")
    return 0


class Meter:
    """Sums the resident memory of this process and all that it started; needs /proc."""

    def __init__(self) -> None:
        self.now = self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Meter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.now = resident_memory(os.getpid())
            self.peak = max(self.peak, self.now)
            time.sleep(SECONDS_BETWEEN)


def resident_memory(root: int) -> int:
    """Bytes; pages that processes share count once for each."""
    parents, sizes = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            lines = (folder / "status").read_text().splitlines()
        except OSError:
            continue  # it ended meanwhile
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        pid = int(folder.name)
        parents[pid] = int(fields["PPid"])
        sizes[pid] = int(fields.get("VmRSS", "0 kB").split()[0]) * 1024
    return sum(size for pid, size in sizes.items() if _descends(pid, root, parents))


def _descends(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid and pid != root:
        pid = parents.get(pid, 0)
    return pid == root
