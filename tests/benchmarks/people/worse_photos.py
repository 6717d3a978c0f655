"""Photos made worse before faces are found in them, as phones, networks and people make them."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from tests.benchmarks.people.bench_people import load
from tests.benchmarks.people.varied_albums import VariedAlbum, joined, of_labelled

MOST_PHOTOS = 100  # of an album that are made worse
FEWEST_OF_PERSON = 4  # photos of somebody whose photos are made worse
SMALLEST = 8  # px of a photo's side
LABELS, COLUMNS = "labels.csv", ("photo", "x1", "y1", "x2", "y2", "person", "kind")

# A way makes an image worse; it is given the (n, 5, 2) landmarks of the faces in it.
Way = Callable[[Image.Image, np.ndarray, np.random.Generator], Image.Image]


def as_it_is(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Image.Image:
    return image


def halved(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Image.Image:
    return image.resize([max(side // 2, SMALLEST) for side in image.size], Image.Resampling.BICUBIC)


def grey(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Image.Image:
    return image.convert("L").convert("RGB")


def moved(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Blurred along a line of 0.35 eye distances, in any direction."""
    eyes = np.linalg.norm(landmarks[:, 1] - landmarks[:, 0], axis=1)
    length = 0.35 * (np.median(eyes) if len(eyes) else min(image.size) / 10)
    angle, pixels = rng.uniform(0, np.pi), np.asarray(image, np.float32)
    steps = np.linspace(-length / 2, length / 2, max(3, int(2 * length)))
    total = np.zeros_like(pixels)
    for step in steps:
        by = round(step * np.sin(angle)), round(step * np.cos(angle))
        total += np.roll(pixels, by, (0, 1))
    return _image(total / len(steps))


def noisy(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image, np.float32)
    return _image(pixels + 25 * rng.standard_normal(pixels.shape))


def dark(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Image.Image:
    pixels = np.asarray(image, np.float32)
    return _image(0.12 * pixels + 3 * rng.standard_normal(pixels.shape))


def sunglasses(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Image.Image:
    worse = image.copy()
    draw = ImageDraw.Draw(worse)
    for face in landmarks:
        across = np.linalg.norm(face[1] - face[0])
        for x, y in face[:2]:
            box = [x - 0.4 * across, y - 0.28 * across, x + 0.4 * across, y + 0.32 * across]
            draw.ellipse(box, fill=(15, 15, 18))
        draw.line([tuple(face[0]), tuple(face[1])], (15, 15, 18), max(1, int(across / 8)))
    return worse


def masks(image: Image.Image, landmarks: np.ndarray, rng: np.random.Generator) -> Image.Image:
    worse = image.copy()
    draw = ImageDraw.Draw(worse)
    for left, right, nose, low_left, low_right in landmarks:
        down = (low_left + low_right) / 2 - (left + right) / 2
        side = 0.5 * (right - left)
        corners = [
            *(left - side / 2 + 0.45 * down, nose - 0.1 * down, right + side / 2 + 0.45 * down),
            *(low_right + side + 0.2 * down, (low_left + low_right) / 2 + 0.75 * down),
            low_left - side + 0.2 * down,
        ]
        draw.polygon([tuple(map(float, corner)) for corner in corners], fill=(170, 200, 215))
    return worse


WAYS: dict[str, Way] = {
    "jpeg 25": as_it_is,
    "half size": halved,
    "grey": grey,
    "motion": moved,
    "noise": noisy,
    "dark": dark,
    "sunglasses": sunglasses,
    "masks": masks,
}


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def chosen_photos(album: VariedAlbum) -> np.ndarray:
    """The photos to make worse: of people who are in several, person after person."""
    people = [str(person) for person in np.unique(album.person[album.named])]
    frequent = [p for p in people if len(album.photos_of(p)) >= FEWEST_OF_PERSON]
    order = np.random.default_rng(0).permutation(len(frequent))
    # Of somebody in very many photos no more than half of all that are taken.
    photos = [album.photos_of(frequent[k])[: MOST_PHOTOS // 2] for k in order]
    _, first = np.unique(np.concatenate(photos), return_index=True)
    return np.concatenate(photos)[np.sort(first)][:MOST_PHOTOS]


def worse_album(album: VariedAlbum, way: str, options: argparse.Namespace) -> VariedAlbum:
    """The chosen photos of an album made worse, in the order of :func:`chosen_photos`.

    Args:
        album: its photos as they are.
        way: one of ``WAYS``.
        options: those of ``bench_people.load``, and ``cache``, the folder where they are kept.
    """
    place = options.cache / "worse" / f"{album.name}-{way.replace(' ', '_')}"
    if not (place / LABELS).exists():
        _write(place, album, way)
    return of_labelled(load(place, None, options.cache / "worse_caches", options))


def _write(place: Path, album: VariedAlbum, way: str) -> None:
    """Write the worse photos of an album and who is where in them."""
    rng = np.random.default_rng(0)
    (place / "photos").mkdir(parents=True, exist_ok=True)
    rows: list[list[object]] = []
    for number, photo in enumerate(chosen_photos(album).tolist()):
        faces = album.pictures.rows(photo)
        with Image.open(album.places[photo]) as stored:
            image = ImageOps.exif_transpose(stored).convert("RGB")
        worse = WAYS[way](image, album.faces.landmarks[faces], rng)
        name = f"{number:03d}.jpg"
        worse.save(place / "photos" / name, quality=25 if way == "jpeg 25" else 92)
        boxes = album.faces.boxes[faces] * (worse.width / image.width)
        who = zip(boxes.tolist(), album.person[faces], album.kind[faces], strict=True)
        rows += [[name, *box, person, kind] for box, person, kind in who if person]
    with (place / LABELS).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def worse_alone_and_mixed(
    pool: dict[str, VariedAlbum], options: argparse.Namespace, way: str
) -> Iterator[VariedAlbum]:
    """Each album's worse photos alone, every other photo worse, and all albums together."""
    halves = []
    for name, album in pool.items():
        photos = chosen_photos(album)
        good, worse = album.take(photos, f"{name} as it is"), worse_album(album, way, options)
        yield replace(worse, name=f"{name}, {way}")
        even, odd = np.arange(0, len(photos), 2), np.arange(1, len(photos), 2)
        mixed = joined([worse.take(even, ""), good.take(odd, "")], f"{name}, half of it {way}")
        halves.append(mixed)
        yield mixed
    yield joined(halves, f"all, half of them {way}")
