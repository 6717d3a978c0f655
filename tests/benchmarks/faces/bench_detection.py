"""Our detection beside the usual per-photo pipeline: same photos, same run, taking turns.

    python -m tests.benchmarks bench_detection                        # table, all cores
    python -m tests.benchmarks bench_detection --cores 1              # one core for both
    python -m tests.benchmarks bench_detection --photos A B --crowds C
    python -m tests.benchmarks bench_detection --memory 2000          # memory of a long run

Ours: bytes -> decoding at the search scale, the cascade, the second look at crowds, alignment
and quality, at the default settings, in one process a core. The usual pipeline: Pillow decodes
all pixels, facenet-pytorch's own ``MTCNN(keep_all=True)`` (smallest face 20 px at full size)
runs on one photo at a time with all cores as torch threads; where that package does not import,
a plain transcription of it does. Only ratios mean anything.
"""

import argparse
import io
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from grouping.boxes import SAME_FACE_IOU, box_iou
from grouping.execution.workers.photo_work import CHUNK
from tests.helpers.networks.embedding import no_embedding
from tests.helpers.paths import ROOT

SAMPLES = ROOT / "tests" / "photos"
DATA = ROOT.parent / "shared" / "data"  # optional photos beside the repository
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
WEB_PIXELS, CAMERA_PIXELS = 2e6, 8e6
ENLARGED_LONG_SIDE = 4000  # 4000 x 3000 is 12 megapixels
LEAST_PHOTOS = 96  # that ours is timed on; a class of fewer is gone through several times
SURE_SCORE, SURE_SIDE = 0.95, 40.0  # the reference's faces that must be found


def main() -> int:
    args = arguments()
    if args.memory:
        from tests.benchmarks.faces.memory_run import run_memory

        return run_memory(args.memory, args.cores, args.photos)
    import torch

    torch.set_num_threads(args.cores)
    reference = load_reference()
    print(f"{args.cores} cores, {args.rounds} rounds, reference: {reference.__doc__}")
    print(HEADER)
    with pool_of(args.cores) as pool:
        for name, photos in photo_classes(args).items():
            if photos:
                print(compared(name, photos, partial(ours, pool), reference, args.rounds))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", nargs="+", type=Path, default=[SAMPLES, DATA / "press"])
    parser.add_argument("--crowds", nargs="+", type=Path, default=[DATA / "crowd"])
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=int, default=16, help="photos of each class")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", type=int, metavar="N", help="push N photos of 12 MP instead")
    return parser.parse_args()


# Photos


def photo_classes(args: argparse.Namespace) -> dict[str, list[bytes]]:
    web, camera, enlarged = [], [], []
    for path in files(args.photos):
        pixels = np.prod(Image.open(path).size)
        if pixels <= WEB_PIXELS:
            web.append(path.read_bytes())
            enlarged.append(path)
        elif pixels >= CAMERA_PIXELS:
            camera.append(path.read_bytes())
    n = args.limit
    return {
        "web, <= 2 MP": spread(web, n),
        "camera, >= 8 MP": spread(camera, n),
        "enlarged to 12 MP": [enlarged_jpeg(path) for path in spread(enlarged, n // 2)],
        "crowds": spread([path.read_bytes() for path in files(args.crowds)], n),
    }


def files(folders: Iterable[Path]) -> list[Path]:
    return sorted(p for f in folders for p in f.rglob("*") if p.suffix.lower() in SUFFIXES)


def spread(items: list, n: int) -> list:
    step = max(1, -(-len(items) // n))
    return items[::step]


def enlarged_jpeg(path: Path) -> bytes:
    """The photo as a camera of 12 megapixels would have written it, but for the detail."""
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    share = ENLARGED_LONG_SIDE / max(image.size)
    size = (round(image.width * share), round(image.height * share))
    file = io.BytesIO()
    image.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=92)
    return file.getvalue()


# The two sides: each gives (boxes, scores, landmarks) for each photo


def start_worker(threads: int):
    import torch

    from backbone.runtime.memory import keep_freed_memory
    from backbone.weights.mtcnn_files import load_mtcnn
    from grouping.faces.photo_analyser import PhotoAnalyser
    from grouping.faces.search.detection import Detector

    keep_freed_memory()  # as the worker processes of a run do
    torch.set_num_threads(threads)
    nobody: Any = no_embedding
    return PhotoAnalyser(Detector(load_mtcnn()), nobody)


def pool_of(cores: int):
    from grouping.execution.workers.process_pool import ProcessPool

    return ProcessPool(partial(start_worker, 1), cores, RuntimeError)


def ours(pool, photos: list[bytes]) -> list:
    numbered = list(enumerate(photos))
    done = dict(pool.map(numbered[i : i + CHUNK] for i in range(0, len(numbered), CHUNK)))
    faces = [done[i].faces for i in range(len(photos))]
    return [(f.boxes, f.scores, f.landmarks) for f in faces]


def usual_detector():
    """facenet-pytorch's own MTCNN as a function of an image, a transcription where it is missing.

    Gives boxes (n, 4), scores (n,) and landmarks (n, 5, 2); its docstring names what it is.
    """
    from tests.helpers.networks.facenet_reference import (
        ReferenceUnavailableError,
        detect,
        load_facenet_mtcnn,
    )

    try:
        mtcnn = load_facenet_mtcnn()
    except ReferenceUnavailableError:
        from tests.benchmarks.faces.plain_mtcnn import PlainMtcnn, detect

        mtcnn = PlainMtcnn()

    def detector(image: Image.Image):
        return detect(mtcnn, image)

    detector.__doc__ = f"{type(mtcnn).__module__}.{type(mtcnn).__name__}"
    return detector


def load_reference():
    detector = usual_detector()

    def reference(photos: list[bytes]) -> list:
        return [detector(decoded(photo)) for photo in photos]

    reference.__doc__ = detector.__doc__
    return reference


def decoded(photo: bytes) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(io.BytesIO(photo))).convert("RGB")


# Comparison

HEADER = (
    f"{'class':<20}{'photos':>7}{'ours':>10}{'usual':>10}{'ratio':>8}{'faces':>7}{'found':>9}"
    f"{'extra':>7}{'landmarks':>11}\n"
    f"{'':<27}{'ms/photo':>10}{'ms/photo':>10}{'':>8}{'>=40px':>7}{'':>16}{'of eyes':>11}"
)


@dataclass
class Agreement:
    """How our faces compare with the reference's."""

    sure: int = 0
    found: int = 0
    extra: int = 0
    distances: list[float] = field(default_factory=list)

    def add(self, mine, theirs) -> None:
        boxes, scores, landmarks = theirs
        shares = box_iou(mine[0], boxes.astype(np.float32))
        sure = (scores > SURE_SCORE) & (box_sides(boxes) >= SURE_SIDE)
        self.sure += int(sure.sum())
        self.extra += int((shares.max(1, initial=0) < SAME_FACE_IOU).sum())
        for j in np.flatnonzero(sure):
            if shares[:, j].max(initial=0) >= SAME_FACE_IOU:
                self.found += 1
                self.distances.append(
                    landmark_distance(mine[2][shares[:, j].argmax()], landmarks[j])
                )


def box_sides(boxes: np.ndarray) -> np.ndarray:
    return np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1))


def landmark_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance of five landmarks in shares of the eye distance of ``b``."""
    return float(np.linalg.norm(a - b, axis=1).mean() / np.linalg.norm(b[1] - b[0]))


def timed(function, photos: list[bytes]):
    start = time.perf_counter()
    results = function(photos)
    return results, time.perf_counter() - start


def compared(name: str, photos: list[bytes], us, usual, rounds: int) -> str:
    # A few photos do not share out evenly over several workers; many times the same do.
    repeats = -(-LEAST_PHOTOS // len(photos))
    us(photos * repeats)  # every worker starts, which is not what is measured
    usual(photos[:1])
    seconds = []
    for _ in range(rounds):
        mine, mine_s = timed(us, photos * repeats)
        theirs, usual_s = timed(usual, photos)
        seconds.append((mine_s / repeats, usual_s))
    agreement = Agreement()
    for a, b in zip(mine, theirs, strict=False):  # ours repeats itself
        agreement.add(a, b)
    mine_ms, usual_ms = np.median(seconds, 0) / len(photos) * 1e3
    share = f"{agreement.found / agreement.sure:.2%}" if agreement.sure else "-"
    distance = f"{np.median(agreement.distances):.2%}" if agreement.distances else "-"
    return (
        f"{name:<20}{len(photos):>7}{mine_ms:>10.0f}{usual_ms:>10.0f}{usual_ms / mine_ms:>8.1f}"
        f"{agreement.sure:>7}{share:>9}{agreement.extra:>7}{distance:>11}"
    )


if __name__ == "__main__":
    sys.exit(main())
