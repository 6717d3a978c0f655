"""How faces are aligned where a person drew a box: by O-Net where it sees them, else by the box.

    python -m tests.benchmarks bench_drawn PHOTOS [--faces 300]

Good faces of the photos are made hard (shrunk to 12 to 20 px, blurred, nearly black, half covered,
turned by any angle) and given boxes as loose as people draw them. What counts is how like the
embedding is to that of the same face as it was: with the landmarks that O-Net gives, by its score,
and with those laid into the box. Photos are halved by their names: choose on ``choose``, report
``report``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from grouping.config import GroupingConfig
from grouping.execution.face_models import shared_models
from grouping.faces.alignment import align_faces
from grouping.faces.decoding import decode_photo
from grouping.faces.search import drawn_box
from grouping.records import Float32

SCORES = (0.0, 0.3, 0.5, 0.7, 0.9, 0.99, 1.01)
LEAST = drawn_box.LEAST_SCORE  # from which on O-Net is believed
GOOD = 0.8  # quality of the faces that are made hard
LOOSE = 0.12  # standard deviation of the sides of a drawn box, in its sides


def shrunk(
    image: Image.Image, box: Float32, rng: np.random.Generator
) -> tuple[Image.Image, Float32]:
    share = float(rng.uniform(12, 20) / np.sqrt(np.prod(box[2:] - box[:2])))
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    return image.resize(size, Image.Resampling.BOX), box * share


def blurred(
    image: Image.Image, box: Float32, rng: np.random.Generator
) -> tuple[Image.Image, Float32]:
    radius = float(rng.uniform(0.04, 0.1) * (box[2] - box[0]))
    return image.filter(ImageFilter.GaussianBlur(radius)), box


def darkened(
    image: Image.Image, box: Float32, rng: np.random.Generator
) -> tuple[Image.Image, Float32]:
    share = float(rng.uniform(0.04, 0.12))
    return image.point(lambda v: v * share), box


def covered(
    image: Image.Image, box: Float32, rng: np.random.Generator
) -> tuple[Image.Image, Float32]:
    x1, y1, x2, y2 = map(int, box)
    image = image.copy()
    side = [
        (x1 - 9, y1 - 9, (x1 + x2) // 2, y2 + 9),
        (x1 - 9, y1 + (y2 - y1) * 6 // 10, x2 + 9, y2 + 9),
    ]
    image.paste((110, 120, 130), side[int(rng.integers(2))])
    return image, box


def tilted(
    image: Image.Image, box: Float32, rng: np.random.Generator
) -> tuple[Image.Image, Float32]:
    middle = tuple(((box[:2] + box[2:]) / 2).tolist())
    return image.rotate(float(rng.uniform(0, 360)), Image.Resampling.BICUBIC, center=middle), box


HARD = (shrunk, blurred, darkened, covered, tilted)


def good_faces(folder: Path, most: int) -> Iterator[tuple[str, Image.Image, Float32, Float32]]:
    """Yield name, photo, box and embedding of faces that are easy as they are."""
    analyser = shared_models(GroupingConfig()).analyser
    paths = sorted(folder.rglob("*.jpg"), key=lambda p: sha256(p.name.encode()).hexdigest())
    found = 0
    for path in paths:
        data = path.read_bytes()
        (result,) = analyser([data])
        for row in np.flatnonzero(result.faces.quality >= GOOD)[:1]:
            image = decode_photo(data).image
            yield path.name, image, result.faces.boxes[row], result.faces.embeddings[row]
            found += 1
            if found == most:
                return


def measure(folder: Path, most: int) -> list[tuple[str, str, float, float, float]]:
    """Return half, kind, O-Net's score, likeness by its landmarks and by the box."""
    analyser = shared_models(GroupingConfig()).analyser
    rng = np.random.default_rng(0)
    rows = []
    drawn_box.LEAST_SCORE = 0.0  # all scores are looked at here
    for name, image, box, vector in good_faces(folder, most):
        half = "choose" if int(sha256(name.encode()).hexdigest(), 16) % 2 else "report"
        for hard in HARD:
            changed, place = hard(image, box, rng)
            side = np.tile(place[2:] - place[:2], 2)
            loose = (place + rng.normal(0, LOOSE, 4) * side).astype(np.float32)
            seen = drawn_box.look_in_box(analyser.detector, changed, loose)
            marks = [drawn_box.landmarks_of_box(loose)]
            score = 0.0
            if seen is not None:
                score = float(seen.faces.scores[0])
                marks.append(seen.faces.landmarks[0])
            given = analyser.embedder(align_faces(changed, np.array(marks, np.float32))).vectors
            alike = (given @ vector).tolist()
            rows.append((half, hard.__name__, score, alike[-1] if seen else np.nan, alike[0]))
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--faces", type=int, default=300)
    arguments = parser.parse_args()
    rows = measure(arguments.photos, arguments.faces)
    for half in ("choose", "report"):
        mine = [row for row in rows if row[0] == half]
        print(f"{half}: {len(mine)} faces; cosine to the face as it was, by O-Net and by the box")
        unseen = [row for row in mine if np.isnan(row[3])]
        print(f"  not seen at all     n {len(unseen):4d}  box {mean([r[4] for r in unseen])}")
        for low, high in pairwise(SCORES):
            part = [r for r in mine if not np.isnan(r[3]) and low <= r[2] < high]
            better = mean([r[3] > r[4] for r in part])
            seen_by, box_by = mean([r[3] for r in part]), mean([r[4] for r in part])
            print(f"  score {low:4.2f} to {high:4.2f} n {len(part):4d}  O-Net {seen_by}", end="")
            print(f"  box {box_by}  O-Net better {better}")
        for hard in HARD:
            part = [r for r in mine if r[1] == hard.__name__]
            seen = [r for r in part if r[2] >= LEAST]
            print(
                f"  {hard.__name__:9s} n {len(part):4d}  seen {mean([r[2] >= LEAST for r in part])}"
                f"  of those O-Net {mean([r[3] for r in seen])}  box {mean([r[4] for r in seen])}"
            )


def mean(values: list[float] | list[bool]) -> str:
    """Return a mean to two places."""
    return f"{np.mean(values):.2f}" if values else "   -"


if __name__ == "__main__":
    main()
