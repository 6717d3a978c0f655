"""Faces that fill the frame and photos that are nearly black, made from ordinary photos.

    python -m tests.benchmarks bench_extreme
    python -m tests.benchmarks bench_extreme --photos FOLDER --step 3

The largest face of each photo is cut out so that its box is so many times the size of the picture,
and each photo is darkened to a share of its light, with a little noise, and saved again as JPEG.
Printed: the share of the faces found right, with the second look and without: landmarks within
0.2 eye distances of those in the photo as it is (frames), a box with an intersection over union of
0.5 and more (darkness); and what else was found.
"""

import argparse
import io
import sys
from pathlib import Path
from typing import cast
from unittest.mock import patch

import numpy as np
from PIL import Image

from tests.helpers.networks.embedding import no_embedding
from tests.helpers.paths import PHOTOS

FILLS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
LIGHTS = (0.3, 0.2, 0.1, 0.05, 0.03, 0.02)
NOISE = 1.0  # grey levels, standard deviation, of the darkened photo
JPEG_QUALITY = 90
LEAST_SIDE = 80  # px, of a face that is cut out
SAME_FACE = 0.5  # intersection over union
RIGHT = 0.2  # eye distances


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", nargs="+", type=Path, default=[PHOTOS])
    parser.add_argument("--step", type=int, default=1, help="take every so manieth photo")
    args = parser.parse_args()
    analyse, plain = analyser(), analyser(second_look=False)
    paths = [p for f in args.photos for p in sorted(f.rglob("*")) if p.suffix != ".md"]
    photos = [decoded(path) for path in paths[:: args.step]]
    known = [analyse(photo).faces for photo in photos]
    print("face / frame:  faces, right without second look, right with it, other faces")
    for fill in FILLS:
        pairs = [framed(p, f, fill) for p, f in zip(photos, known, strict=True)]
        print(f"{fill:>6.2f}", *compared([p for p in pairs if p], frame_hits, plain, analyse))
    print("light:         faces, right without second look, right with it, other faces")
    for light in LIGHTS:
        pairs = [(darkened(p, light), f) for p, f in zip(photos, known, strict=True)]
        print(f"{light:>6.2f}", *compared(pairs, box_hits, plain, analyse))
    return 0


def analyser(second_look: bool = True):
    """A function of pixels to their result, as the program makes it; nothing is embedded."""
    from backbone.weights.mtcnn_files import load_mtcnn
    from grouping.faces import photo_analyser
    from grouping.faces.embedding.embedder import Embedder
    from grouping.faces.search.detection import Detector
    from grouping.faces.search.turned import Found

    analyse = photo_analyser.PhotoAnalyser(Detector(load_mtcnn()), cast(Embedder, no_embedding))

    def result_of(pixels: np.ndarray):
        if second_look:
            return analyse([pixels])[0]
        with patch.object(photo_analyser, "look_again", lambda *seen: Found(seen[3])):
            return analyse([pixels])[0]

    return result_of


def decoded(path: Path) -> np.ndarray:
    from grouping.faces.decoding import decode_photo

    return decode_photo(path.read_bytes()).pixels


def framed(photo: np.ndarray, faces, fill: float):
    """A part of a photo that its largest face is ``fill`` times as large as; and its landmarks."""
    if not len(faces):
        return None
    size = (faces.boxes[:, 2:] - faces.boxes[:, :2]).prod(1) ** 0.5
    i = int(size.argmax())
    box, half = faces.boxes[i], (faces.boxes[i, 2:] - faces.boxes[i, :2]) / fill / 2
    if size[i] < LEAST_SIDE:
        return None
    centre = (box[:2] + box[2:]) / 2
    x1, y1 = np.maximum(np.rint(centre - half), 0).astype(int)
    x2, y2 = np.rint(centre + half).astype(int)
    return np.ascontiguousarray(photo[y1:y2, x1:x2]), faces.landmarks[i] - (x1, y1)


def darkened(photo: np.ndarray, light: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, NOISE, photo.shape)
    dark = np.clip(np.rint(photo * light + noise), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(dark).save(file, "JPEG", quality=JPEG_QUALITY)
    return np.asarray(Image.open(file))


def frame_hits(landmarks: np.ndarray, found) -> tuple[int, int]:
    """How many faces there are, and how many of them were found right."""
    errors = np.linalg.norm(found.landmarks - landmarks, axis=2).mean(1)
    eyes = np.linalg.norm(landmarks[1] - landmarks[0])
    return 1, int(errors.min(initial=np.inf) < RIGHT * eyes)


def box_hits(faces, found) -> tuple[int, int]:
    from grouping.boxes import box_iou

    best = box_iou(faces.boxes, found.boxes).max(1, initial=0)
    return len(faces), int((best >= SAME_FACE).sum())


def compared(pairs: list, hits, *analysers) -> tuple[str, ...]:
    """Faces there are, those found right by each analyser, and what else the last one found."""
    right, others = [], 0
    for analyse in analysers:
        results = [(truth, analyse(pixels).faces) for pixels, truth in pairs]
        counts = np.array([hits(truth, faces) for truth, faces in results])
        right.append(f"{counts[:, 1].sum():>6}")
        others = sum(len(faces) for _, faces in results) - int(counts[:, 1].sum())
    return f"{counts[:, 0].sum():>6}", *right, f"{others:>6}"


if __name__ == "__main__":
    sys.exit(main())
