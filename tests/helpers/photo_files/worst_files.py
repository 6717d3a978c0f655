"""Photos that are small on disk and large in memory, and how much a run over them takes."""

import re
import resource
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pillow_heif
from PIL import Image

from tests.helpers.paths import PHOTOS, ROOT
from tests.helpers.photo_files.files import chunk, written

FILES, FILE_BYTES = 40, 30_000_000
SECONDS_BETWEEN = 0.05
UNTOUCHED = 400 * 2**20  # of a process's address space for data that it never writes to: stacks


def clear_png(width: int, height: int) -> bytes:
    """A transparent PNG of one colour."""
    packer = zlib.compressobj(1)
    rows = [packer.compress(b"\0" + b"\x80" * (width * 4)) for _ in range(height)]
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", b"".join(rows) + packer.flush()), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def icon(png: bytes) -> bytes:
    entry = struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(png), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + png


MAKERS = {
    "png89.png": lambda: clear_png(9400, 9400),
    "jpeg200.jpg": lambda: written(Image.new("RGB", (16320, 12240), "teal"), "JPEG"),
    "progressive.jpg": lambda: written(
        Image.new("RGB", (9000, 6000), "teal"), "JPEG", progressive=True
    ),
    "heic.heic": lambda: written(Image.new("RGB", (4000, 3000), "teal"), "HEIF", quality=10),
    "animated.gif": lambda: written(
        Image.new("P", (6000, 5000), 3),
        "GIF",
        save_all=True,
        append_images=[Image.new("P", (6000, 5000), 4)],
    ),
    "icon.ico": lambda: icon(clear_png(2048, 2048)),
    "deep.tiff": lambda: written(
        Image.new("I;16", (8000, 6000), 999), "TIFF", compression="tiff_lzw"
    ),
    "clear.webp": lambda: written(
        Image.new("RGBA", (6000, 4000), (9, 9, 9, 99)), "WEBP", lossless=True, method=0
    ),
}


def make_worst_files(folder: Path) -> int:
    """Write them, each twice with other bytes behind; sparse files of 30 MB too; how many."""
    pillow_heif.register_heif_opener()
    folder.mkdir()
    for name, make in MAKERS.items():
        data = make()
        for turn in range(2):
            (folder / f"{turn}{name}").write_bytes(data + bytes([turn]))
    faces = (PHOTOS / "astronaut.jpg").read_bytes()
    for number in range(FILES):
        with (folder / f"{number}.jpg").open("wb") as file:
            file.write(faces + str(number).encode())
            file.truncate(FILE_BYTES)
    return 2 * (len(MAKERS) - 1) + FILES  # icons are left out as drawings


def run_within(memory: int, workers: int, folder: Path, out: Path) -> tuple[int, int, str]:
    """Run the program under a limit for each of its processes.

    Returns:
        Exit code, the most bytes that all processes had at a time, and what was printed.
    """

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (memory + UNTOUCHED,) * 2)

    command = [sys.executable, "run_grouping.py", str(folder), "--out", str(out), "--no-plots"]
    options = ["--memory", f"{memory // 2**20}M", "--workers", str(workers), "--max-failures", "99"]
    with (out.parent / "printed").open("w+") as printed:
        run = subprocess.Popen(
            command + options, cwd=ROOT, stdout=printed, stderr=printed, preexec_fn=limited
        )
        peak = 0
        try:
            while run.poll() is None:
                peak = max(peak, sum(map(held_bytes, family(run.pid))))
                time.sleep(SECONDS_BETWEEN)
        finally:
            run.kill()  # no run outlives its test
        printed.seek(0)
        return run.returncode, peak, printed.read()


def family(root: int) -> list[int]:
    """The process and all that it started."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue  # it ended meanwhile
    return found


def held_bytes(pid: int) -> int:
    """Memory of a process; what it shares with others counts in parts, so that a sum is right."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
