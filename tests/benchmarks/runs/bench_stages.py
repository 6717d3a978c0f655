"""Where the CPU seconds of a run go: the analysis of photos, stage by stage.

    python -m tests.benchmarks bench_stages PHOTOS [--checkpoint FILE | --random-ir50]

One thread, in this process, in the chunks that worker processes take; loading and grouping are
left out. A stage's seconds are its own, without those of the stages within it.
"""

import argparse
import functools
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

import grouping.faces.photo_analyser as steps
from backbone.networks.mtcnn import ONet, PNet, RNet
from backbone.runtime.memory import keep_freed_memory
from backbone.runtime.runner import Runner
from grouping.config import DetectionSettings, EmbeddingSettings
from grouping.execution.workers.photo_work import CHUNK
from grouping.faces.embedding.embedder import Embedder
from grouping.faces.loading import load_analyser
from grouping.faces.search.detection import Detector
from grouping.faces.search.pyramid import Pyramid
from tests.helpers.networks.checkpoints import write_ir50_checkpoint

STAGES: list[tuple[Any, str, str]] = [
    (Runner, "__call__", "face network"),
    (Embedder, "__call__", "around the face network"),
    (PNet, "forward", "P-Net"),
    (RNet, "forward", "R-Net"),
    (ONet, "forward", "O-Net"),
    (Pyramid, "__init__", "summed-area table"),
    (Pyramid, "level", "levels of the pyramid"),
    (Pyramid, "crops", "candidates cut out"),
    (Detector, "_propose", "around P-Net: windows, suppression"),
    (Detector, "_refine", "around R-Net"),
    (Detector, "_finish", "around O-Net"),
    (steps, "look_again", "second look, around the networks"),
    (steps, "decoded_to_search", "decoding"),
    (steps, "cut_crops", "alignment"),
    (steps, "face_quality", "quality"),
    (steps, "picture_hash", "picture hash"),
    (steps, "digest", "digest"),
    (steps.PhotoAnalyser, "__call__", "all else"),
]


class StageTimes:
    """CPU seconds and calls of each stage, its own ones."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._within = [0.0]  # for each stage that runs: seconds of the stages within it

    def watch(self, owner: Any, name: str, stage: str) -> None:
        function = getattr(owner, name)

        @functools.wraps(function)
        def watched(*args: Any, **named: Any) -> Any:
            start = time.process_time()
            self._within.append(0.0)
            try:
                return function(*args, **named)
            finally:
                taken = time.process_time() - start
                self.seconds[stage] += taken - self._within.pop()
                self.calls[stage] += 1
                self._within[-1] += taken

        setattr(owner, name, watched)


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        random = write_ir50_checkpoint(Path(folder) / "random.pth") if options.random_ir50 else None
        settings = EmbeddingSettings(checkpoint=random or options.checkpoint, device="cpu")
        analyser = load_analyser(DetectionSettings(), settings)
    files = [path.read_bytes() for path in sorted(options.photos.iterdir()) if path.is_file()]
    analyser(files[:2])  # kernels are set up
    times = StageTimes()
    for owner, name, label in STAGES:
        times.watch(owner, name, label)
    start, faces = time.process_time(), 0
    for first in range(0, len(files), CHUNK):
        faces += sum(len(result.faces) for result in analyser(files[first : first + CHUNK]))
    total = time.process_time() - start
    print(f"{len(files)} photos, {faces} faces, {total:.2f} CPU seconds\n")
    print("| stage | CPU s | share | calls |\n| --- | ---: | ---: | ---: |")
    for stage, seconds in sorted(times.seconds.items(), key=lambda item: -item[1]):
        print(f"| {stage} | {seconds:.2f} | {seconds / total:.1%} | {times.calls[stage]} |")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--random-ir50", action="store_true", help="IR-50 with random weights")
    return parser.parse_args()


if __name__ == "__main__":
    main()
