"""Photos turned by 90, 180 and 270 degrees: are their faces found again, and what does it cost?

    python -m tests.benchmarks bench_turned                       # tests/photos, and press beside
    python -m tests.benchmarks bench_turned --photos A B --no-faces C
    python -m tests.benchmarks bench_turned --photos A --rotations 0   # cost alone

For each folder and rotation: faces of the upright run, the share found again (intersection over
union of 0.5 and more, and landmarks that agree to 0.15 eye distances), faces that are not among
them, photos whose rotation is told. With rotation 0: photos that were looked at a second time,
photos called turned, and the time of a whole run (decoding, detecting, embedding; one process)
over the time without the second look. Photos without faces are counted as they are and turned.
Only ratios mean anything.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from tests.helpers.paths import PHOTOS, SHARED_DATA

CHUNK = 4  # photos analysed at once, as the pipeline gives them
SAME_FACE = 0.5  # intersection over union
SAME_LANDMARKS = 0.15  # eye distances
ROTATIONS = (0, 90, 180, 270)


def main() -> int:
    args = arguments()
    analyse = Analysis()
    for folder in args.photos:
        photos = files(folder, args.step)
        if not photos:
            continue
        print(f"{folder.name}: {len(photos)} photos")
        upright = [analyse.photos([photo])[0] for photo in photos]
        for rotation in args.rotations:
            print("  " + compared(analyse, photos, upright, rotation))
    for folder in args.no_faces:
        for rotation in args.rotations:
            found = analyse.turned(files(folder, 1), rotation)
            faces = sum(len(result.faces) for result in found)
            print(f"{folder.name} without faces, turned by {rotation}: {faces} faces")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", nargs="+", type=Path, default=[PHOTOS, SHARED_DATA / "press"])
    empty = [SHARED_DATA / "hard" / "no_faces"]
    parser.add_argument("--no-faces", nargs="*", type=Path, default=empty)
    parser.add_argument("--rotations", nargs="+", type=int, default=ROTATIONS, choices=ROTATIONS)
    parser.add_argument("--step", type=int, default=1, help="take every so manieth photo")
    return parser.parse_args()


def files(folder: Path, step: int) -> list[bytes]:
    from grouping.errors import DecodeError
    from grouping.faces.decoding import photo_size

    photos = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file())[::step]:
        try:
            photo_size(data := path.read_bytes())
        except DecodeError:
            continue
        photos.append(data)
    return photos


class Analysis:
    """The program's own analysis of photos; the second look is timed and counted."""

    def __init__(self) -> None:
        from grouping.config import GroupingConfig
        from grouping.faces import photo_analyser
        from grouping.faces.loading import load_analyser
        from grouping.faces.search.look_again import look_again

        config = GroupingConfig(device="cpu")
        self._analyser = load_analyser(config.detection, config.embedding)
        self._look = look_again
        patch.object(photo_analyser, "look_again", self._timed_look).start()
        self.reset()

    def reset(self) -> None:
        self.seconds = self.extra = 0.0
        self.looked = 0

    def photos(self, photos: list) -> list:
        """Files or pixels to their results."""
        start = time.process_time()
        chunks = [photos[i : i + CHUNK] for i in range(0, len(photos), CHUNK)]
        results = [result for chunk in chunks for result in self._analyser(chunk)]
        self.seconds += time.process_time() - start
        return results

    def turned(self, files: list[bytes], rotation: int) -> list:
        """Results of photos lying on a side: they have to be turned by ``rotation`` clockwise."""
        from grouping.faces.decoding import decode_photo

        if not rotation:
            return self.photos(files)
        turns = rotation // 90
        return [
            self.photos([np.ascontiguousarray(np.rot90(decode_photo(file).pixels, turns))])[0]
            for file in files
        ]

    def _timed_look(self, search, *rest):
        searches = []

        def counted(images, settings):
            searches.append(len(images))
            return search(images, settings)

        start = time.process_time()
        found = self._look(counted, *rest)
        self.extra += time.process_time() - start
        self.looked += bool(searches)
        return found


@dataclass
class Score:
    """Faces of turned photos beside those of the same photos upright."""

    faces: int = 0
    found: int = 0
    aligned: int = 0
    extra: int = 0
    told: int = 0

    def add(self, upright, result, rotation: int) -> None:
        from grouping.boxes import box_iou
        from grouping.faces.search.turned import turned_back
        from grouping.records import Detections

        before, after = (
            Detections(r.faces.boxes, r.faces.scores, r.faces.landmarks) for r in (upright, result)
        )
        # The photo as it is, is the turned photo turned back by what it lacks of a full turn.
        back = turned_back(after, (360 - rotation) % 360, (upright.width, upright.height))
        overlap = box_iou(before.boxes, back.boxes)
        self.faces += len(before)
        self.extra += int((overlap.max(0, initial=0) < SAME_FACE).sum())
        self.told += result.rotation == (upright.rotation + rotation) % 360
        for i in np.flatnonzero(overlap.max(1, initial=0) >= SAME_FACE):
            self.found += 1
            a, b = before.landmarks[i], back.landmarks[overlap[i].argmax()]
            error = np.linalg.norm(a - b, axis=1).mean() / np.linalg.norm(a[1] - a[0])
            self.aligned += bool(error < SAME_LANDMARKS)


def compared(analyse: Analysis, photos: list[bytes], upright: list, rotation: int) -> str:
    analyse.reset()
    results = analyse.turned(photos, rotation)
    score = Score()
    for before, after in zip(upright, results, strict=True):
        score.add(before, after, rotation)
    ratio = analyse.seconds / (analyse.seconds - analyse.extra)
    if not rotation:
        wrong = sum(result.rotation != 0 for result in results)
        return f"upright: looked at again {analyse.looked}, called turned {wrong}, cost {ratio:.3f}"
    share = score.found / max(score.faces, 1)
    return (
        f"turned by {rotation}: {score.faces} faces, found again {score.found} ({share:.1%}), "
        f"aligned alike {score.aligned}, others {score.extra}, rotation told {score.told} "
        f"of {len(photos)}, cost {ratio:.2f}"
    )


if __name__ == "__main__":
    sys.exit(main())
